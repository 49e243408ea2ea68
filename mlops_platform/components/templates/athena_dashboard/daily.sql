SELECT CAST(day AS date) AS day, channel, count(*) AS tickets
FROM clean_tickets
GROUP BY CAST(day AS date), channel

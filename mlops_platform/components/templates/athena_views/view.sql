SELECT day, count(*) AS tickets
FROM clean_tickets
GROUP BY day

SELECT CAST(day AS date) AS day, reason, count(*) AS refused
FROM clean_tickets_quarantine
GROUP BY CAST(day AS date), reason

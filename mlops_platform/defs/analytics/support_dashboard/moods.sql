-- The services asked about most.
SELECT opened_on AS day, channel, plan, service, sentiment, count(*) AS tickets
FROM current_tickets
WHERE
    sentiment IS NOT NULL
    AND opened_on >= (SELECT min(CAST(day AS date)) FROM daily_service_levels)
    AND service IN (SELECT service FROM current_tickets GROUP BY service ORDER BY count(*) DESC, service LIMIT 12)
GROUP BY opened_on, channel, plan, service, sentiment

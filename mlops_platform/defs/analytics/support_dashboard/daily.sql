-- Sums a reader can add up again: any choice of days, channels, plans and services stays exact. From the first drop on;
-- what came in late for the days before it would look like very quiet days.
SELECT
    opened_on AS day,
    channel,
    plan,
    service,
    count(*) AS tickets,
    count(*) FILTER (WHERE resolved) AS resolved,
    count(first_response_minutes) AS answered,
    count(within_target) AS promised,
    count(*) FILTER (WHERE within_target) AS in_time,
    round(sum(first_response_minutes), 1) AS response_minutes,
    count(satisfaction) AS rated,
    sum(satisfaction) AS stars
FROM current_tickets
WHERE opened_on >= (SELECT min(CAST(day AS date)) FROM daily_service_levels)
GROUP BY opened_on, channel, plan, service
ORDER BY day

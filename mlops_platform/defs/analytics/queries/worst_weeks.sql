-- The ten weeks in which a service missed its customers' promised response time most often.
WITH weekly AS (
    SELECT
        date_trunc('week', CAST(day AS date)) AS week,
        service,
        sum(tickets) AS tickets,
        sum(within_target) AS within_target,
        sum(avg_satisfaction * tickets) / sum(CASE WHEN avg_satisfaction IS NOT NULL THEN tickets END)
            AS avg_satisfaction
    FROM daily_service_levels
    GROUP BY date_trunc('week', CAST(day AS date)), service
)
SELECT
    week,
    service,
    tickets,
    round(1 - CAST(within_target AS double) / tickets, 4) AS share_missed,
    round(avg_satisfaction, 3) AS avg_satisfaction,
    rank() OVER (PARTITION BY week ORDER BY CAST(within_target AS double) / tickets) AS rank_in_week
FROM weekly
WHERE tickets >= 20
ORDER BY share_missed DESC, week, service
LIMIT 10

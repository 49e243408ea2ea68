-- How each day's drop was served, by service and support plan. A filter on day reads that day's files only.
SELECT
    day,
    service,
    coalesce(plan, 'unknown') AS plan,
    count(*) AS tickets,
    count(resolved_at) AS resolved,
    round(CAST(count(resolved_at) AS double) / count(*), 4) AS share_resolved,
    round(avg(first_response_minutes), 1) AS avg_first_response_minutes,
    approx_percentile(first_response_minutes, 0.5) AS median_first_response_minutes,
    count(*) FILTER (WHERE within_target) AS within_target,
    round(avg(CAST(satisfaction AS double)), 3) AS avg_satisfaction,
    count(*) FILTER (WHERE sentiment = 'negative') AS negative,
    count(*) FILTER (WHERE late) AS late
FROM clean_tickets
GROUP BY day, service, coalesce(plan, 'unknown')

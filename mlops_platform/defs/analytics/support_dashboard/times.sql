-- Percentiles cannot be added up, so they are asked for as they are shown: by day.
SELECT
    opened_on AS day,
    approx_percentile(first_response_minutes, 0.5) / 60 AS median_response,
    approx_percentile(first_response_minutes, 0.9) / 60 AS p90_response,
    approx_percentile(resolution_hours, 0.5) AS median_resolution,
    approx_percentile(resolution_hours, 0.9) AS p90_resolution
FROM current_tickets
WHERE opened_on >= (SELECT min(CAST(day AS date)) FROM daily_service_levels)
GROUP BY opened_on
ORDER BY day

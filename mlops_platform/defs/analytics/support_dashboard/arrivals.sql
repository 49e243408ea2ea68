-- When tickets come in. ISO weekdays: Monday first.
SELECT
    day_of_week(opened_at) AS weekday_number,
    date_format(opened_at, '%a') AS weekday,
    hour(opened_at) AS hour,
    count(*) AS tickets
FROM current_tickets
GROUP BY 1, 2, 3
ORDER BY weekday_number, hour

SELECT
    carrier_name,
    count(*) AS flights,
    sum(distance) AS miles,
    avg(arr_delay) AS mean_arrival_delay,
    count(DISTINCT tailnum) AS aircraft
FROM flown
GROUP BY carrier_name

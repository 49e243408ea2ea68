SELECT
    agent_name AS agent,
    agent_team AS team,
    count(*) AS tickets,
    round(avg(first_response_minutes) / 60, 2) AS mean_response_hours,
    round(avg(resolution_hours), 2) AS mean_resolution_hours,
    round(avg(CAST(satisfaction AS double)), 2) AS satisfaction,
    round(max(mean_rank), 2) AS mean_rank_in_team
FROM current_tickets
JOIN (
    SELECT agent_id AS ranked_id, avg(CAST(rank_in_team AS double)) AS mean_rank
    FROM agent_performance
    GROUP BY agent_id
) ON ranked_id = agent_id
GROUP BY agent_name, agent_team
ORDER BY tickets DESC, agent

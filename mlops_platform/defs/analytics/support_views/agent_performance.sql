-- Each agent's days: the latest version of every ticket counts, whichever day it came in.
WITH versions AS (
    SELECT
        agent_id,
        agent_name,
        agent_team,
        CAST(opened_at AS date) AS opened_on,
        first_response_minutes,
        resolution_hours,
        satisfaction,
        row_number() OVER (PARTITION BY ticket_id ORDER BY day DESC) AS version
    FROM clean_tickets
    WHERE agent_name IS NOT NULL
),
daily AS (
    SELECT
        agent_id,
        agent_name,
        agent_team,
        opened_on,
        count(*) AS tickets,
        avg(first_response_minutes) AS response_minutes,
        avg(resolution_hours) AS hours_to_resolve,
        avg(CAST(satisfaction AS double)) AS mean_satisfaction
    FROM versions
    WHERE version = 1
    GROUP BY agent_id, agent_name, agent_team, opened_on
)
SELECT
    agent_id,
    agent_name,
    agent_team,
    opened_on,
    tickets,
    round(response_minutes, 1) AS avg_first_response_minutes,
    round(hours_to_resolve, 2) AS avg_resolution_hours,
    round(mean_satisfaction, 3) AS avg_satisfaction,
    sum(tickets) OVER (
        PARTITION BY agent_id ORDER BY opened_on ROWS BETWEEN 6 PRECEDING AND CURRENT ROW
    ) AS tickets_last_7_rows,
    round(response_minutes - lag(response_minutes) OVER (PARTITION BY agent_id ORDER BY opened_on), 1)
        AS response_change_minutes,
    rank() OVER (PARTITION BY agent_team, opened_on ORDER BY response_minutes ASC NULLS LAST) AS rank_in_team
FROM daily

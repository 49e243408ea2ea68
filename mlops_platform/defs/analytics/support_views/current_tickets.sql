-- Each ticket as it stands now: the latest of its versions, whichever day's drop that came in.
SELECT
    ticket_id, customer_id, customer_name, plan, segment, country, agent_id, agent_name, agent_team, opened_at,
    opened_on, first_response_minutes, resolution_hours, resolved, within_target, channel, priority, service,
    satisfaction, sentiment
FROM (
    SELECT
        ticket_id,
        customer_id,
        customer_name,
        coalesce(plan, 'unknown') AS plan,
        segment,
        country,
        agent_id,
        agent_name,
        agent_team,
        opened_at,
        CAST(opened_at AS date) AS opened_on,
        first_response_minutes,
        resolution_hours,
        resolved_at IS NOT NULL AS resolved,
        within_target,
        channel,
        priority,
        service,
        satisfaction,
        sentiment,
        row_number() OVER (PARTITION BY ticket_id ORDER BY day DESC) AS version
    FROM clean_tickets
)
WHERE version = 1

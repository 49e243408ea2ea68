-- The support desk's tables. Everything here may be run again.
CREATE TABLE IF NOT EXISTS plans (
    plan_id text PRIMARY KEY,
    name text NOT NULL,
    monthly_price numeric(10, 2) NOT NULL CHECK (monthly_price >= 0),
    response_target_minutes integer NOT NULL CHECK (response_target_minutes > 0),
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE plans IS 'Support plans a customer can have';
COMMENT ON COLUMN plans.monthly_price IS 'US dollars';
COMMENT ON COLUMN plans.response_target_minutes IS 'Promised time to the first response';

CREATE TABLE IF NOT EXISTS agents (
    agent_id text PRIMARY KEY,
    name text NOT NULL,
    team text NOT NULL,
    city text NOT NULL,
    hired_on date NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE agents IS 'People who answer tickets';
COMMENT ON COLUMN agents.team IS 'The group of services the agent answers for';

CREATE TABLE IF NOT EXISTS customers (
    customer_id text PRIMARY KEY,
    name text NOT NULL,
    plan_id text NOT NULL REFERENCES plans,
    segment text NOT NULL,
    country char(2) NOT NULL,
    account_manager_id text REFERENCES agents,
    signed_up_on date NOT NULL,
    monthly_spend numeric(12, 2) NOT NULL,
    active boolean NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS customers_plan ON customers (plan_id);
CREATE INDEX IF NOT EXISTS customers_updated_at ON customers (updated_at);
COMMENT ON TABLE customers IS 'Companies that use the cloud';
COMMENT ON COLUMN customers.country IS 'ISO 3166-1 alpha-2';
COMMENT ON COLUMN customers.account_manager_id IS 'The agent who looks after an enterprise customer';
COMMENT ON COLUMN customers.monthly_spend IS 'US dollars, average of the last three months';

CREATE SCHEMA IF NOT EXISTS seed;
CREATE TABLE IF NOT EXISTS seed.state (
    settings jsonb NOT NULL,
    rounds integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE seed.state IS 'What the example data was made from, and how many rounds of updates it has seen';

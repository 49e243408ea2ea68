{{ config(materialized='table', format='parquet', partitioned_by=['day']) }}
select id, customer, cast(amount as decimal(10,2)) as amount, cast(day as varchar) as day from {{ ref('raw_orders') }}

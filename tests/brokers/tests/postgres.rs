use lifecycle_brokers::{Postgres, checks};

checks!(Postgres:
    a_frozen_broker_does_not_hold_a_stop,
    a_given_back_job_is_with_a_waiting_worker_at_once,
    a_job_longer_than_its_lease_runs_once,
    a_lost_lease_changes_nothing,
    a_parked_receive_ends_at_a_stop,
    a_stop_asked_for_by_a_job_acknowledges_it,
    a_stopped_broker_does_not_hold_a_stop,
    ack_before_the_work_is_found,
    drop_is_found,
    kills_lose_nothing,
    no_renewal_is_found,
    stops_lose_nothing,
    what_a_stop_gives_back_begins_elsewhere_at_once,
);

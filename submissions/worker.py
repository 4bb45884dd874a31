"""Our RQ worker: one process judges many submissions at once, each in a thread of its own.

Judging is waiting (for HTTP, for the sandbox), so a slot costs a thread where RQ's own workers, which do the job
too, take a process. It listens to one queue: only then does RQ take a job from Redis atomically (BLMOVE).

SIGTERM or SIGINT: takes nothing new, lets what it judges finish within the grace, gives back the rest. So it does of
its own accord when a judging hangs: then it ends with exit code 1, so that whoever keeps it running starts it again.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from types import FrameType
from typing import Any

import redis
from django import db
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, worker_registration
from rq.exceptions import DequeueTimeout, StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.utils import now, utcformat
from rq.worker.base import BaseWorker, WorkerStatus

from submissions import (
    backends,
    ephemeral,
    erasure,
    judging,
    leases,
    leftovers,
    lifecycle,
    recovery,
    rejudging,
    retention,
    verification,
    waiting,
    webhooks,
)
from submissions.connections import rest_connection
from submissions.models import Submission
from submissions.rounds import Round, Rounds

logger = logging.getLogger(__name__)
logging.getLogger("rq.worker").setLevel(logging.NOTSET)  # RQ sets INFO when imported; the settings decide

LOOK_S = 2  # how long one blocking look into the queue lasts, so how late a stop may be noticed
AWAY_S = 10.0
LIFE_EVERY_S = 1.0
EXECUTIONS_EVERY_S = 10.0
EXECUTION_TTL_S = 60  # RQ's registry counts a job as running for so long after its last sign of life
WORKER_TTL_S = 30  # RQ adds 60: then a worker that died is no longer listed
MAINTENANCE_EVERY_S = 60
ANNOUNCE_EVERY_S = 5.0
EXPIRE_EVERY_S = 60.0
STANDSTILL_S = 60.0  # RQ's maintenance, and each step while Redis hangs, take less


def make_worker(queue_name: str, concurrency: int) -> "ThreadedWorker":
    """A worker with a connection of its own: it may block longer than a web request would wait."""
    own = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=LOOK_S, retry=Retry(NoBackoff(), 0))
    queue = Queue(queue_name, connection=own, serializer=JSONSerializer)
    return ThreadedWorker(
        [queue],
        concurrency=concurrency,
        connection=own,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=MAINTENANCE_EVERY_S,
    )


def housekeeping(worker: "ThreadedWorker") -> list[threading.Thread]:
    """What every worker does beside judging, not started yet."""
    return [
        Rounds(
            "sweeper",
            Round("sweep", recovery.sweep, recovery.SWEEP_EVERY_S),
            Round("announce", worker.announce, ANNOUNCE_EVERY_S),
        ),
        Rounds("tidying", Round("leftovers", leftovers.clear, leftovers.CLEAR_EVERY_S)),
        Rounds("webhooks", Round("webhooks", webhooks.Deliveries().look, webhooks.LOOK_EVERY_S)),
        Rounds(
            "expiry",
            Round("expire_events", lambda: retention.purge_only("events"), EXPIRE_EVERY_S),
            Round("expire_receipts", lambda: retention.purge_only("receipts"), EXPIRE_EVERY_S),
            Round("retention", retention.purge_in_turn, EXPIRE_EVERY_S),
            Round("count_expired", ephemeral.count_expired, EXPIRE_EVERY_S),
        ),
        Rounds("erasure", Round("erasure", erasure.go_on_in_turn, erasure.LOOK_EVERY_S)),
        Rounds(
            "rejudging",
            Round("rejudging", rejudging.go_on_in_turn, rejudging.LOOK_EVERY_S),
            Round("verification", verification.go_on, verification.GO_ON_EVERY_S),
        ),
        *backends.probers(),
    ]


class NoDeathPenalty(BaseDeathPenalty):
    """No time-out from outside: a thread cannot be interrupted, and every call that judging makes has its own."""

    def setup_death_penalty(self) -> None:
        pass

    def cancel_death_penalty(self) -> None:
        pass


class ThreadedWorker(BaseWorker):
    death_penalty_class = NoDeathPenalty
    role = "worker"  # as `dependencies` knows it: what it cannot work without

    def __init__(self, queues: list[Queue], *, concurrency: int, **kwargs: Any) -> None:
        self._executions: dict[int, Execution] = {}
        self._in_hand: dict[int, Job] = {}
        self._due: dict[str, float] = {}
        self._slots = threading.BoundedSemaphore(concurrency)
        self._concurrency = concurrency
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="judging")
        self._grace_s = float(settings.JUDGE_GRACE_S)
        self._away_until = 0.0
        self._is_over = False
        self._has_failed = False
        self._has_begun = False
        self._turned_at = time.monotonic()
        super().__init__(queues, **kwargs)

    # RQ keeps the execution in hand on the worker; here every thread has one.
    @property
    def execution(self) -> Execution | None:
        return self._executions.get(threading.get_ident())

    @execution.setter
    def execution(self, value: Execution | None) -> None:
        if value is None:
            self._executions.pop(threading.get_ident(), None)
        else:
            self._executions[threading.get_ident()] = value

    @property
    def dequeue_timeout(self) -> int:
        return LOOK_S

    @property
    def connection_timeout(self) -> int:
        return LOOK_S + 3

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        super().bootstrap(*args, **kwargs)
        self._install_signal_handlers()  # RQ does so a little later; whoever reads that it judges may stop it
        self._has_begun = True
        logger.info("judging from queue %s, %d at a time", self.queues[0].name, self._concurrency)

    def judge(self, *, burst: bool = False) -> int:
        """Work until told to stop (in a burst: until the queue is empty); what is being judged then ends first.

        The exit code: 0 for a stop that was asked for, 1 where a judging hung or RQ's loop failed.
        """
        self.work(burst=burst, logging_level=None)
        if not burst and not self._stop_requested:
            self._has_failed = True
        if not burst or self._stop_requested:
            logger.info("stopping: %d submissions are finished first", len(leases.in_flight()))
        self._await_the_rest(None if burst and not self._stop_requested else self._grace_s)
        self._give_back_the_rest()
        return int(self._has_failed)

    @property
    def phase(self) -> str:
        """starting, judging or stopping: it takes something new while it is judging only."""
        if self._stop_requested:
            return "stopping"
        return "judging" if self._has_begun else "starting"

    @property
    def is_turning(self) -> bool:
        """Its loop goes on, and no judging hangs."""
        return time.monotonic() - self._turned_at < STANDSTILL_S and not leases.is_stuck()

    # --- Stopping --------------------------------------------------------------------------------------------

    def handle_warm_shutdown_request(self) -> None:
        """A signal comes at any line, also where a lock is held: nothing but a flag is set."""

    def _shutdown(self) -> None:
        self._stop_requested = True

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """The second signal: no more grace. (Some who stop processes send two at once and mean one.)"""
        first = self._shutdown_requested_date
        if first is None or now() - first > timedelta(seconds=1):
            self._grace_s = 0

    def _must_stop(self) -> bool:
        if not self._stop_requested and leases.is_stuck():
            logger.critical("a judging hangs: this worker takes nothing new and ends")
            self._has_failed = self._stop_requested = True
        return bool(self._stop_requested)

    def _stop_if_requested(self) -> None:
        if self._must_stop():
            raise StopRequested

    def _await_the_rest(self, grace_s: float | None) -> None:
        """Those that hang are not waited for."""
        started = time.monotonic()
        while len(self._in_hand) > len(leases.hung()):
            if grace_s is not None and time.monotonic() - started > min(grace_s, self._grace_s):
                return
            self._turned_at = time.monotonic()
            self._try(self._keep_executions)
            time.sleep(0.05)

    def _give_back_the_rest(self) -> None:
        """Rows first, then RQ's notes, bells last: whoever hears one finds the row queued.

        What hangs is left to another worker's sweeper, which counts that: it may hang wherever it is judged.
        """
        self._is_over = True
        jobs = list(self._in_hand.values())
        try:
            for claim in leases.hung():
                lifecycle.let_go(claim)
            for claim in leases.in_flight():
                with suppress(lifecycle.Fenced):
                    lifecycle.give_back(claim)
                    logger.info("it was given back", extra={"submission": claim.submission_id})
            self._try(self._forget_executions)
            self._ring_for(jobs)
        except db.Error as error:
            logger.warning("what is left waits for another worker's sweeper: %s", error)

    def _ring_for(self, jobs: list[Job]) -> None:
        """Those that were given back, and those that had not been claimed yet."""
        ids = [job.args[0] for job in jobs]
        for submission in Submission.objects.filter(pk__in=ids, status=Submission.Status.QUEUED):
            try:
                judging.ring(submission)
            except redis.RedisError as error:
                logger.warning("nobody can be told of what was given back: %s", error)
                return

    # --- Taking jobs -----------------------------------------------------------------------------------------

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a free slot, then for a job; None when a burst found the queue empty.

        RQ's own loop would not notice a stop while Redis is away.
        """
        while not self._slots.acquire(timeout=1):
            self._stop_if_requested()
            self.heartbeat()
        found = None
        try:
            while found is None:
                self._stop_if_requested()
                found = self._look(timeout)
                if timeout is None:
                    break
        finally:
            if found is None:
                self._slots.release()
        return found

    def _look(self, timeout: int | None) -> tuple[Job, Queue] | None:
        """One look into the queue, of at most `timeout` seconds. What comes after a stop is put back."""
        try:
            self.heartbeat()
            if self.should_run_maintenance_tasks:
                self.run_maintenance_tasks()
            found: tuple[Job, Queue] | None = self.queue_class.dequeue_any(
                self._ordered_queues,
                timeout,
                connection=self.connection,
                job_class=self.job_class,
                serializer=self.serializer,
                death_penalty_class=self.death_penalty_class,
            )
        except DequeueTimeout:
            return None
        except redis.RedisError as error:
            logger.warning("Redis does not answer: %s", error)
            self._note_that_redis_is_away()
            time.sleep(LOOK_S)
            return None
        if found is None:
            return None
        if self._must_stop():
            self._try(lambda: self._put_back(*found))
            return None
        found[0].redis_server_version = self.get_redis_server_version()
        return found

    def _put_back(self, job: Job, queue: Queue) -> None:
        with self.connection.pipeline() as pipe:
            pipe.lrem(queue.intermediate_queue_key, 1, job.id)
            pipe.lpush(queue.key, job.id)
            pipe.execute()

    def execute_job(self, job: Job, queue: Queue) -> None:
        self._in_hand[id(job)] = job
        self._threads.submit(self._execute_in_thread, job, queue).add_done_callback(_tell_if_it_failed)

    def _execute_in_thread(self, job: Job, queue: Queue) -> None:
        try:
            if self._is_over:
                return
            self.prepare_execution(job)
            if not self.perform_job(job, queue):
                db.connection.close()
        except redis.RedisError as error:
            logger.warning("job %s: Redis went away: %s", job.id, error)
        finally:
            self.execution = None
            try:
                rest_connection()
            finally:
                del self._in_hand[id(job)]
                self._slots.release()

    # --- What RQ keeps of it in Redis ------------------------------------------------------------------------
    # Were it an error that Redis is away, RQ's loop would end.

    def _try(self, step: Callable[[], None]) -> None:
        """Not while Redis was away just now: one that hangs would hold up a stop at each step."""
        if time.monotonic() < self._away_until:
            return
        try:
            step()
        except redis.RedisError:
            self._note_that_redis_is_away()

    def _note_that_redis_is_away(self) -> None:
        self._away_until = time.monotonic() + AWAY_S

    def _is_due(self, what: str, every_s: float) -> bool:
        if time.monotonic() < self._due.get(what, 0):
            return False
        self._due[what] = time.monotonic() + every_s
        return True

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """RQ's loop wants three for each job; one a second does. (Threads that judge come by, too.)"""
        if threading.current_thread() is threading.main_thread():
            self._turned_at = time.monotonic()
        if pipeline is None and self._is_due("life", LIFE_EVERY_S):
            self._try(self._show_life)
            self._try(self._keep_executions)

    def _show_life(self) -> None:
        self.last_heartbeat = now()
        state = WorkerStatus.BUSY if self._in_hand else WorkerStatus.IDLE
        life: dict[Any, Any] = {"last_heartbeat": utcformat(self.last_heartbeat), "state": state.value}
        life |= {"judging": len(self._in_hand)}  # RQ knows only whether it is busy
        with self.connection.pipeline() as pipe:
            pipe.hset(self.key, mapping=life)
            pipe.expire(self.key, self.worker_ttl + 60)
            was_forgotten = pipe.execute()[0] == len(life)  # Redis was emptied
            if was_forgotten:
                pipe.hset(self.key, mapping=self.serialize())
                worker_registration.register(self, pipe)
                pipe.execute()

    def get_heartbeat_ttl(self, job: Job) -> int:
        return EXECUTION_TTL_S

    def _keep_executions(self) -> None:
        """RQ would give a job that shows no sign of life up as failed. (Ours is known by its lease.)"""
        if not self._is_due("executions", EXECUTIONS_EVERY_S):
            return
        registry = self.queues[0].started_job_registry
        with self.connection.pipeline() as pipe:
            for execution in list(self._executions.values()):
                execution.heartbeat(registry, EXECUTION_TTL_S, pipeline=pipe)
            pipe.execute()

    def _forget_executions(self) -> None:
        """Of what is given back nothing stays that RQ would later call an abandoned job."""
        queue = self.queues[0]
        with self.connection.pipeline() as pipe:
            for execution in list(self._executions.values()):
                pipe.zrem(queue.started_job_registry.key, execution.composite_key)
                pipe.delete(execution.key)
            for job in list(self._in_hand.values()):
                pipe.lrem(queue.intermediate_queue_key, 1, job.id)
                pipe.delete(job.key, job.execution_registry.key)
            pipe.execute()

    def handle_execution_ended(self, job: Job, queue: Queue, heartbeat_ttl: int) -> None:
        job.ended_at = now()

    def handle_job_success(self, job: Job, queue: Queue, started_job_registry: Any) -> None:
        """Our jobs leave no result and nothing depends on them: all that is kept of one goes in one exchange."""
        assert job.started_at
        assert job.ended_at
        with self.connection.pipeline() as pipe:
            self.increment_successful_job_count(pipeline=pipe)
            self.increment_total_working_time(job.ended_at - job.started_at, pipe)
            self.cleanup_execution(job, pipeline=pipe)
            pipe.delete(job.key, job.execution_registry.key)
            pipe.execute()

    def check_for_suspension(self, burst: bool) -> None:
        if self._is_due("suspension", LIFE_EVERY_S):
            self._try(lambda: super(ThreadedWorker, self).check_for_suspension(burst))

    def run_maintenance_tasks(self) -> None:
        self._try(super().run_maintenance_tasks)

    def teardown(self) -> None:
        self._try(lambda: waiting.withdraw(self.name, self.queues[0].name, self._concurrency))
        self._try(super().teardown)

    def _pubsub_exception_handler(self, exc: Exception, *of_whom: Any) -> None:
        """RQ's commands come by this thread; it goes on when Redis is back."""
        if not isinstance(exc, redis.RedisError):
            raise exc
        time.sleep(LOOK_S)

    def announce(self) -> None:
        """Tell those who estimate waiting times that these slots are there."""
        if not self._stop_requested:
            waiting.announce(self.name, self.queues[0].name, self._concurrency)


def _tell_if_it_failed(future: "Future[None]") -> None:
    """An error outside the job, which nobody else would see; the sweeper brings its submission on its way."""
    if error := future.exception():
        logger.error("a job ended unexpectedly", exc_info=error)

"""Our RQ worker: one process judges many submissions at once, each in a thread of its own.

Judging is waiting (for HTTP, for the sandbox), so a slot costs a thread where RQ's own workers, which do the job
too, take a process. It listens to one queue: only then does RQ take a job from Redis atomically (BLMOVE).

SIGTERM or SIGINT: takes nothing new, lets what it judges finish within the grace, gives back the rest.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import FrameType
from typing import Any

import redis
from django import db
from django.conf import settings
from django.db import close_old_connections, connection
from rq import Queue
from rq.exceptions import DequeueTimeout, StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.worker.base import BaseWorker

from execution.errors import JudgingError
from submissions import judging, leases, lifecycle, recovery
from submissions.models import Submission

logger = logging.getLogger(__name__)
logging.getLogger("rq.worker").setLevel(logging.NOTSET)  # RQ sets INFO when imported; the settings decide

LOOK_S = 2  # how long one blocking look into the queue lasts, so how late a stop may be noticed


def make_worker(queue_name: str, concurrency: int) -> "ThreadedWorker":
    """A worker with a connection of its own: it may block longer than a web request would wait."""
    own = redis.Redis.from_url(settings.REDIS_URL)
    queue = Queue(queue_name, connection=own, serializer=JSONSerializer)
    return ThreadedWorker([queue], concurrency=concurrency, connection=own, serializer=JSONSerializer)


class NoDeathPenalty(BaseDeathPenalty):
    """No time-out from outside: a thread cannot be interrupted, and every call that judging makes has its own."""

    def setup_death_penalty(self) -> None:
        pass

    def cancel_death_penalty(self) -> None:
        pass


class ThreadedWorker(BaseWorker):
    death_penalty_class = NoDeathPenalty

    def __init__(self, queues: list[Queue], *, concurrency: int, **kwargs: Any) -> None:
        self._of_thread = threading.local()
        self._slots = threading.BoundedSemaphore(concurrency)
        self._concurrency = concurrency
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="judging")
        self._grace_s = float(settings.JUDGE_GRACE_S)
        super().__init__(queues, **kwargs)

    # RQ keeps the execution in hand on the worker; here every thread has one.
    @property
    def execution(self) -> Execution | None:
        return getattr(self._of_thread, "execution", None)

    @execution.setter
    def execution(self, value: Execution | None) -> None:
        self._of_thread.execution = value

    @property
    def dequeue_timeout(self) -> int:
        return LOOK_S

    def get_heartbeat_ttl(self, job: Job) -> int:
        """Long: whether a judging is alive is known from its lease, not from RQ's registry."""
        return 24 * 3600

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        super().bootstrap(*args, **kwargs)
        logger.info("judging from queue %s, %d at a time", self.queues[0].name, self._concurrency)

    def handle_warm_shutdown_request(self) -> None:
        logger.info("stopping: %d submissions are finished first", len(leases.in_flight()))

    def _shutdown(self) -> None:
        self._stop_requested = True

    # What RQ's loop tells Redis between two jobs. Were it an error that Redis is away, the loop would end.

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        with suppress(redis.RedisError):
            super().heartbeat(*args, **kwargs)

    def check_for_suspension(self, burst: bool) -> None:
        with suppress(redis.RedisError):
            super().check_for_suspension(burst)

    def run_maintenance_tasks(self) -> None:
        with suppress(redis.RedisError):
            super().run_maintenance_tasks()

    def teardown(self) -> None:
        with suppress(redis.RedisError):
            super().teardown()

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """The second signal: no more grace."""
        self._grace_s = 0

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a free slot, then for a job; None when a burst found the queue empty.

        RQ's own loop would not notice a stop while Redis is away.
        """
        while not self._slots.acquire(timeout=1):
            self._stop_if_requested()
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
        """One look into the queue, of at most `timeout` seconds."""
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
            time.sleep(LOOK_S)
            return None
        if found is not None:
            found[0].redis_server_version = self.get_redis_server_version()
        return found

    def _stop_if_requested(self) -> None:
        if self._stop_requested:
            raise StopRequested

    def execute_job(self, job: Job, queue: Queue) -> None:
        self._threads.submit(self._execute_in_thread, job, queue)

    def _execute_in_thread(self, job: Job, queue: Queue) -> None:
        try:
            close_old_connections()
            self.prepare_execution(job)
            self.perform_job(job, queue)
        except redis.RedisError as error:
            logger.warning("job %s: Redis went away: %s", job.id, error)
        finally:
            self.execution = None
            connection.close()
            self._slots.release()

    def judge(self, *, burst: bool = False) -> None:
        """Work until told to stop (in a burst: until the queue is empty); what is being judged then ends first."""
        self.work(burst=burst, logging_level=None)
        self._await_slots(None if burst and not self._stop_requested else self._grace_s)
        self._give_back_the_rest()

    def _await_slots(self, grace_s: float | None) -> None:
        started = time.monotonic()
        free = 0
        while free < self._concurrency:
            if self._slots.acquire(timeout=0.1):
                free += 1
            elif grace_s is not None and time.monotonic() - started > min(grace_s, self._grace_s):
                return

    def _give_back_the_rest(self) -> None:
        for claim in leases.in_flight():
            try:
                lifecycle.give_back(claim)
            except lifecycle.Fenced:
                continue
            submission = Submission.objects.get(pk=claim.submission_id)
            judging.enqueue(submission)
            logger.info("submission %s was given back", submission.pk)


class Sweeper(threading.Thread):
    """Runs recovery beside the judging threads for as long as the process lives.

    It is the only recovery there is: an error that it has no name for ends the process, so that whoever keeps it
    running starts it again, rather than leaving a worker that judges and never sweeps.
    """

    def __init__(self) -> None:
        super().__init__(name="sweeper", daemon=True)
        self._rounds = {
            recovery.sweep: recovery.SWEEP_EVERY_S,
            recovery.report_backends: recovery.HEALTH_EVERY_S,
            recovery.expire_events: recovery.EXPIRE_EVERY_S,
        }

    def run(self) -> None:
        due = dict.fromkeys(self._rounds, 0.0)
        pause = threading.Event()
        try:
            while True:
                for step, every_s in self._rounds.items():
                    if time.monotonic() >= due[step]:
                        self._take(step)
                        due[step] = time.monotonic() + every_s
                pause.wait(min(self._rounds.values()) / 2)
        finally:
            logger.critical("the sweeper has failed; the worker ends with it", exc_info=True)
            os._exit(1)

    def _take(self, step: Callable[[], object]) -> None:
        """One round may fail for want of the database, Redis or a backend; the next one comes."""
        try:
            close_old_connections()
            step()
        except (db.Error, redis.RedisError, JudgingError) as error:
            logger.warning("%s: %s: %s", step.__name__, type(error).__name__, error)
        finally:
            connection.close()

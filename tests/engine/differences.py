"""Recorded exchanges that this engine answers otherwise than Judge0 did, each with its reason.

The reasons are the list in docs/engine.md, word for word. One that no longer applies fails the suite.
"""

from __future__ import annotations

DIFFERENCES: dict[str, tuple[str, ...]] = {
    "What Judge0 answers with a 500 is a 400 or a 422 that says what is wrong.": (
        "batch: batch submissions is a string",
        "batch: batch submissions contains a string*",
        "conf-auth: list per_page=0",
        "create_get: 422? NUL in c*",
    ),
    "No language is archived: an id that is not offered does not exist.": (
        "create_get: 422? language 1 archived",
    ),
    "Programs never have a network: `enable_network` is a 422.": ("create_get: 422? enable_network=abc",),
    "A `callback_url` must be an http or https URL of a host that `ENGINE_CALLBACK_HOSTS` names.": (
        "create_get: 422? callback_url garbage",
        "create_get: 422? callback_url ftp",
        "callbacks: callback to a nonexistent host",
        "callbacks: callback field via GET",
    ),
    "Callbacks follow no redirect.": ("callbacks: callback answered 30* (followed?)",),
    "A callback is tried again after a 5xx, too, and after a pause; never more than `callbacks_max_tries` times.": (
        "callbacks: callback answered 500 (is it retried?)",
        "callbacks: callback connection closed without answer (3 tries?)",
        "callbacks: callback never answered (timeout 5 s, 3 tries?)",
    ),
    "No submission waits because another one's callback hangs.": (
        "callbacks: callback order: worker is busy during a hanging callback",
        "callbacks: batch with callbacks",
    ),
    "`/languages` lists what works on this machine.": ("conf-auth: authn tok-?: GET /languages",),
    "`/config_info` tells what this engine adds (`engine`) and lacks (network, a cache of answers).": (
        "conf-auth: authn tok-?: GET /config_info",
    ),
    "`/workers` tells of the slots before the first submission, too.": (
        "conf-auth: authn tok-a: GET /workers",
    ),
}

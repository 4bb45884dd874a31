"""The web server's entry: pages and API over HTTP, live updates over websockets."""

import gc
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "judgeplatform.settings")

from django.core.asgi import get_asgi_application

gc.disable()  # while it loads; see manage.py
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 (needs the app registry)

from hints.streams import serving_hints  # noqa: E402 (needs the app registry)
from judgeplatform.access_log import logging_requests  # noqa: E402
from judgeplatform.bodies import bound_daphne  # noqa: E402
from judgeplatform.checks import refuse_what_a_check_finds  # noqa: E402
from judgeplatform.health import answering_healthz  # noqa: E402
from judgeplatform.stopping import stop_daphne_gently, stopping  # noqa: E402
from judgeplatform.urls import websocket_urlpatterns  # noqa: E402
from submissions.awaiting import holding_answers  # noqa: E402
from submissions.streams import serving_streams  # noqa: E402

# Of many requests at once each has a thread; the event loop, which all of them need, must get its turn soon.
sys.setswitchinterval(0.001)
bound_daphne()
stop_daphne_gently()
refuse_what_a_check_finds()  # servers do not ask for checks, as manage.py does

gc.freeze()

application = logging_requests(
    ProtocolTypeRouter(
        {
            "http": answering_healthz(
                serving_streams(serving_hints(stopping.counting_answers(holding_answers(django_application))))
            ),
            "websocket": URLRouter(websocket_urlpatterns),  # each asks for itself who it is that connects
        }
    )
)

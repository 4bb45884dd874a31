"""The web server's entry: pages and API over HTTP, live updates over websockets."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "judgeplatform.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402 (needs the app registry)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from judgeplatform.health import answering_healthz  # noqa: E402
from judgeplatform.urls import websocket_urlpatterns  # noqa: E402

# Of many requests at once each has a thread; the event loop, which all of them need, must get its turn soon.
sys.setswitchinterval(0.001)

application = ProtocolTypeRouter(
    {
        "http": answering_healthz(django_application),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)

"""
HTTP to processes on this machine, as httpx has it but for TLS, which nothing here speaks.

Reading the machine's certificates takes 30 ms of CPU, for each client and each single request.
"""

from __future__ import annotations

from functools import partial

import httpx

get = partial(httpx.get, verify=False)
post = partial(httpx.post, verify=False)
delete = partial(httpx.delete, verify=False)
Client = partial(httpx.Client, verify=False)
AsyncClient = partial(httpx.AsyncClient, verify=False)

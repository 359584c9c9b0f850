"""Asking the dashboard's routes over HTTP, signed in."""

from __future__ import annotations

import httpx

from tests.sandbox.fidelity import sign_in


class SignedIn:
    """A person on a project: `ask` gives status and JSON, `find` the data of a success.

    Signing in makes the earlier tokens of the person worthless, so `project` reaches another project with this one.
    """

    def __init__(self, sandbox, project, email=None):
        self.sandbox = sandbox
        self.project = project
        self.client = httpx.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {sign_in(sandbox, email)}"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def ask(self, method, path, body=None, project=None, **parameters):
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        url = f"/v2/api/{project or self.project}/{path}"
        reply = self.client.request(method, url, params=parameters, **({} if body is None else content))
        return reply.status_code, reply.json() if reply.headers["Content-Type"] == "application/json" else reply.text

    def find(self, method, path, body=None, **parameters):
        status, answer = self.ask(method, path, body, **parameters)
        assert status == 200, answer
        return answer["data"]

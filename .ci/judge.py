"""Starts the binary with an app that accepts everything, runs scim2-tester and scim-sanity against it, and stops it.

Whatever they find fails the run. Their values are random, so they judge several times.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

ROUNDS = 3
# A token opens one app.
TOKENS = {app: f"{app}-0123456789abcdef0123456789abcdef" for app in ("defaults", "lenient", "extended")}

# `defaults` is an app as people have it. scim-sanity takes for granted what RFC 7644 leaves to the server: that a PATCH is
# answered with the resource (§3.5.2 allows 204, which identity providers want for large groups), and that a group takes a
# member that exists nowhere. Both are settings of an app, so it judges one that has them, `lenient`. `extended` has schemas of its
# own, of the kinds of attributes for which scim2-tester makes up values.
CONFIG = """
[server]
listen = "127.0.0.1:0"
[database]
url = "sqlite:{folder}/judges.db"
[apps.defaults]
connector = "memory"
tokens = [{{ name = "judges", token = "{defaults}" }}]
[apps.lenient]
connector = "memory"
group_patch_answer = "resource"
unknown_members = "keep"
tokens = [{{ name = "judges", token = "{lenient}" }}]
[apps.extended]
connector = "memory"
schemas = ["people.json"]
group_schemas = ["teams.json"]
tokens = [{{ name = "judges", token = "{extended}" }}]
"""

SCHEMAS = {
    "people.json": {
        "id": "urn:example:scim:schemas:extension:people:2.0:User",
        "name": "People",
        "description": "What we know of people",
        "attributes": [
            {"name": "badge", "type": "string", "caseExact": True, "description": "The badge"},
            {"name": "desks", "type": "integer", "description": "How many desks"},
            {"name": "contractor", "type": "boolean", "description": "Whether somebody else pays"},
            {
                "name": "office",
                "type": "complex",
                "description": "Where the person works",
                "subAttributes": [
                    {"name": "site", "type": "string", "description": "The site"},
                    {"name": "floor", "type": "integer", "description": "The floor"},
                ],
            },
        ],
    },
    "teams.json": {
        "id": "urn:example:scim:schemas:extension:teams:2.0:Group",
        "name": "Teams",
        "description": "What we know of teams",
        "attributes": [{"name": "costCenter", "type": "string", "description": "Who pays"}],
    },
}


def main(binary: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "judges.toml")
        config.write_text(CONFIG.format(folder=folder, **TOKENS))
        for name, schema in SCHEMAS.items():
            pathlib.Path(folder, name).write_text(json.dumps(schema))
        server = subprocess.Popen(
            [binary, "serve", "--config", str(config)], stderr=subprocess.PIPE, text=True
        )
        try:
            urls = wait_for_urls(server)
            failures = []
            for _ in range(ROUNDS):
                for app in "defaults", "extended":
                    failures += scim2_tester(urls[app], TOKENS[app])
                failures += scim_sanity(urls["lenient"])
        finally:
            server.terminate()
            server.wait(timeout=60)
    for failure in failures:
        print(f"FAILED {failure}")
    if server.returncode != 0:
        print(f"FAILED the server ended with {server.returncode}")
    return 1 if failures or server.returncode != 0 else 0


def wait_for_urls(server: subprocess.Popen) -> dict[str, str]:
    """The base URL of each app, as the server logs them when it starts."""
    urls = {}
    for line in server.stderr:
        record = json.loads(line)
        if record["message"] == "app":
            urls[record["app"]] = record["url"]
        if record["message"] == "listening":
            # Somebody must go on reading, or the server would wait for room in the pipe.
            threading.Thread(target=show_trouble, args=(server.stderr,), daemon=True).start()
            return urls
    sys.exit("the server did not start")


def show_trouble(log) -> None:
    for line in log:
        if '"level":"ERROR"' in line:
            print(line, end="")


def scim2_tester(url: str, token: str) -> list[str]:
    with Client(base_url=f"{url}/", headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
        results = check_server(SyncSCIMClient(http))
    good = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}
    bad = [result for result in results if result.status not in good]
    print(f"scim2-tester: {len(results) - len(bad)} passed, {len(bad)} failed")
    return [
        f"scim2-tester: {result.status.name} {result.title} ({result.resource_type}): {result.reason} {result.data}"
        for result in bad
    ]


def scim_sanity(url: str) -> list[str]:
    command = [sys.executable, "-m", "scim_sanity", "probe", url, "--token", TOKENS["lenient"]]
    command += ["--i-accept-side-effects", "--json-output"]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"})
    report = json.loads(run.stdout)
    # Agents are resources of a draft that nobody claims to have.
    bad = [
        result
        for result in report["results"]
        if result["status"] != "pass" and not (result["status"] == "skip" and "Agent" in result["name"])
    ]
    print(f"scim-sanity: {len(report['results']) - len(bad)} passed, {len(bad)} failed")
    failures = [f"scim-sanity: {result['status']} {result['name']}: {result.get('message')}" for result in bad]
    if run.returncode != 0 and not failures:
        failures.append(f"scim-sanity ended with {run.returncode}: {run.stderr}")
    return failures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

#!/usr/bin/env python3
"""The judge's tests: the program as a user runs it, against an engine, a registry and the served cloud.

    image_judge.py HA_DEPLOY ORDERS [TEST...]      (run by docker.sh, which sets JUDGE_*; not docker.py, which
                                            would hide the package of that name from checkov)

Every test function is a test; its docstring is its name in words. Output ends as Cargo's does.
"""

import base64
import concurrent.futures
import glob
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(__file__))
from registry_proxy import Proxy  # noqa: E402

PROGRAM, ORDERS = sys.argv[1], sys.argv[2]
PLACE = pathlib.Path(os.environ["JUDGE_PLACE"])
REGISTRY = os.environ["JUDGE_REGISTRY"]
TEMP = PLACE / "tmp"
TEMP.mkdir()
TOKENS = ("rehearsal-token-", "QVdTOnJlaGVhcnNhbC10b2tlbi")  # as it is, and as docker's configuration has it
SECRET = "hunter2-build-secret-0815"
proxy = Proxy(REGISTRY)


def clients():
    """The docker commands of this machine, by version: they build differently."""
    found = {}
    for folder in os.environ["PATH"].split(":"):
        path = pathlib.Path(folder, "docker")
        if path.exists() and path.resolve() not in found:
            text = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
            found[path.resolve()] = int(re.search(r"version (\d+)", text)[1])
    return found


CLIENTS = clients()


def path_with(client):
    """A PATH on which this docker comes first."""
    folder = PLACE / f"bin-{CLIENTS[client]}"
    folder.mkdir(exist_ok=True)
    link = folder / "docker"
    if not link.exists():
        link.symlink_to(client)
    return f"{folder}:{os.environ['PATH']}"


# BuildKit where it can be had: it is what people have.
PREFERRED = min(CLIENTS, key=CLIENTS.get)


def environment(**more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
    kept |= {"PATH": path_with(PREFERRED), "TMPDIR": str(TEMP), "AWS_REGION": "eu-west-1",
             "AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "rehearsal-key-never-shown",
             "NPM_TOKEN": SECRET, "AWS_EC2_METADATA_DISABLED": "true"}
    return kept | {name: str(value) for name, value in more.items()}


def run(*args, cwd, expect=0, env=None, timeout=300):
    """Runs the program; no output of any run may hold a credential."""
    begin = time.monotonic()
    done = subprocess.run([PROGRAM, *args], cwd=cwd, env=env or environment(), capture_output=True, text=True,
                          timeout=timeout)
    done.took = time.monotonic() - begin
    said = done.stdout + done.stderr
    for secret in (*TOKENS, SECRET, "rehearsal-key-never-shown"):
        assert secret not in said, f"{secret} was shown:\n{said}"
    assert done.returncode == expect, f"{args}: exit code {done.returncode}, not {expect}\n{said}"
    return done


def docker(*args, **options):
    env = environment(DOCKER_BUILDKIT="1")
    done = subprocess.run(["docker", *args], env=env, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"docker {args}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


CONFIG = """
version: 1
app: shop
environments:
  judge: {suffix: judge, region: eu-west-1, accounts: ["123456789012"]}
services:
  orders:
    port: 8080
    stop_timeout: 5s
    image:
      repository: %(repository)s
      build: {context: orders, dockerfile: %(dockerfile)s%(build)s}
      check:
        enabled: %(enabled)s
        ready: /ready
        live: /live
        metrics: /metrics
        in_flight: /work?ms=1500
        away: {INVENTORY_URL: "http://127.0.0.1:9"}
        start: 4s
        answer: 2s
        max_size: 24
%(scan)s
"""


def project(name, dockerfile="Dockerfile.prebuilt", build="", enabled="false", scan="", repository="shop/orders"):
    """A repository with the service's image; the registry is the proxy's."""
    folder = PLACE / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "orders/prebuilt").mkdir(parents=True)
    shutil.copy(ORDERS, folder / "orders/prebuilt/orders")
    # What makes this image different from those of other tests and runs: no layer is in the registry.
    text = pathlib.Path("examples/orders/Dockerfile.prebuilt").read_text()
    text = text.replace("USER 65532", "COPY unique /unique\nUSER 65532")
    (folder / "orders/Dockerfile.prebuilt").write_text(text)
    (folder / "orders/.dockerignore").write_text("ignored\n")
    (folder / "orders/unique").write_text(f"{name} {time.time_ns()}")
    values = {"repository": repository, "dockerfile": dockerfile, "build": build, "enabled": enabled,
              "scan": textwrap.indent(scan, "      ")}
    (folder / "ha-deploy.yml").write_text(CONFIG % values)
    git = ["git", "-c", "user.name=judge", "-c", "user.email=judge@localhost"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], cwd=folder, check=True, capture_output=True)
    return folder


class Cloud:
    """The embedded cloud, served, with the proxy as its registry."""

    def __enter__(self):
        folder = project(f"cloud-{time.monotonic_ns()}")
        self.process = subprocess.Popen([PROGRAM, "rehearse", "--serve", "127.0.0.1:0", "--docker", proxy.name],
                                        cwd=folder, env=environment(), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        found, lines = None, []
        while not found:
            line = self.process.stderr.readline()
            lines.append(line)
            assert line, f"the cloud is not served: {lines}"
            found = re.search(r"serving on (http://127\.0\.0\.1:\d+)", line)
        self.url = found[1]
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        proxy.trouble.clear()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def run(self, *args, **options):
        env = environment(AWS_ENDPOINT_URL=self.url) | options.pop("env", {})
        return run(*args, env=env, **options)

    def build(self, folder, *args, **options):
        return self.run("build", *args, cwd=folder, **options)

    def popen(self, *args, cwd):
        return subprocess.Popen([PROGRAM, *args], cwd=cwd, env=environment(AWS_ENDPOINT_URL=self.url),
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def registry(path, accept="application/vnd.docker.distribution.manifest.v2+json"):
    connection = http.client.HTTPConnection(*REGISTRY.split(":"))
    connection.request("GET", f"/v2/{path}", headers={"Accept": accept})
    answer = connection.getresponse()
    return answer.status, answer.getheader("Docker-Content-Digest"), answer.read()


def tags(repository="shop/orders"):
    status, _, body = registry(f"{repository}/tags/list")
    return set(json.loads(body).get("tags") or []) if status == 200 else set()


def in_temp():
    return glob.glob(str(TEMP / "ha-deploy-*"))


def said(done, *texts):
    for text in texts:
        assert text in done.stderr, f"`{text}` is not in:\n{done.stderr}"


# --- Build and push ------------------------------------------------------------------------------------


def test_a_build_is_pushed_by_digest_and_the_second_one_is_not_needed():
    with Cloud() as cloud:
        folder = project("push", enabled="true")
        first = cloud.build(folder)
        digest = re.fullmatch(r"orders (sha256:[0-9a-f]{64})\n", first.stdout)[1]
        tag = re.search(r"shop/orders:(ha-[0-9a-f]{40})", first.stderr)[1]
        status, real, _ = registry(f"shop/orders/manifests/{tag}")
        assert (status, real) == (200, digest), (status, real, digest)
        again = cloud.build(folder, "--json")
        result = json.loads(again.stdout)
        image = result["services"]["orders"]["image"]
        assert image["digest"] == digest and image["reused"] is True, image
        calls = sum(result["api_calls"].values())
        assert calls <= 4, result["api_calls"]
        assert again.took < 2, f"a warm build took {again.took:.2f} s"
        print(f"  warm: {again.took:.2f} s, {calls} API calls", flush=True)
        # A change outside the context is none; one inside is.
        (folder / "README").write_text("x")
        assert json.loads(cloud.build(folder, "--json").stdout)["services"]["orders"]["image"]["reused"]
        (folder / "orders/unique").write_text("changed")
        assert not json.loads(cloud.build(folder, "--json").stdout)["services"]["orders"]["image"]["reused"]


def test_every_builder_says_what_it_is_and_what_is_lost():
    with Cloud() as cloud:
        for client, major in CLIENTS.items():
            folder = project(f"builder-{major}")
            done = cloud.build(folder, env={"PATH": path_with(client)})
            plugin = subprocess.run([client, "buildx", "version"], capture_output=True).returncode == 0
            name = "buildx" if plugin else "BuildKit without buildx" if major < 23 else "the classic builder"
            said(done, f"builds with {name}")
            if not plugin:
                said(done, "; lost: ")
        folder = project("builder-asked")
        said(cloud.build(folder, "--builder", "classic"), "builds with the classic builder; lost: build secrets")


def test_a_build_secret_is_in_no_layer_no_history_and_no_log():
    with Cloud() as cloud:
        folder = project("secret", dockerfile="Dockerfile.secret", build=", secrets: {npm: NPM_TOKEN}")
        shutil.copy("/bin/busybox", folder / "orders/busybox")
        (folder / "orders/Dockerfile.secret").write_text(
            "FROM scratch AS build\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nCOPY unique /unique\n"
            "RUN --mount=type=secret,id=npm /bin/busybox cat /run/secrets/npm && "
            "/bin/busybox md5sum /run/secrets/npm > /proof\n"
            "FROM scratch\nCOPY --from=build /proof /proof\nCOPY prebuilt/orders /orders\nENTRYPOINT [\"/orders\"]\n")
        done = cloud.build(folder)
        said(done, "***")
        tag = re.search(r"shop/orders:(ha-[0-9a-f]{40})", done.stderr)[1]
        name = f"ha-deploy/shop/orders:{tag}"
        history = docker("history", "--no-trunc", name) + docker("image", "inspect", name)
        assert SECRET not in history
        saved = subprocess.run(["docker", "save", name], env=environment(), capture_output=True).stdout
        assert SECRET.encode() not in saved
        without = {name: value for name, value in environment().items() if name != "NPM_TOKEN"}
        lacking = subprocess.run([PROGRAM, "build"], cwd=folder, env=without | {"AWS_ENDPOINT_URL": cloud.url},
                                 capture_output=True, text=True)
        assert lacking.returncode == 2 and "NPM_TOKEN is not set" in lacking.stderr, lacking.stderr
        classic = cloud.build(folder, "--builder", "classic", "--fresh", expect=2)
        said(classic, "the classic builder cannot keep out of the image")


def test_a_failing_step_comes_first_and_nothing_is_pushed():
    with Cloud() as cloud:
        folder = project("failing", dockerfile="Dockerfile.failing")
        shutil.copy("/bin/busybox", folder / "orders/busybox")
        (folder / "orders/Dockerfile.failing").write_text(
            'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "echo the cause; exit 7"]\n')
        before = tags()
        for builder in ("auto", "classic"):
            done = cloud.build(folder, "--builder", builder, expect=2)
            said(done, "the build failed at `", "the cause", "busybox")
            # After the output itself, the log with the cause comes before the failure and what else is said.
            log = done.stderr.rindex(" log ")
            assert log < done.stderr.index("build: FAILED"), done.stderr
            assert "the cause" in done.stderr[log:], done.stderr
        assert tags() == before


def test_the_same_files_are_left_out_as_the_engine_leaves_out():
    """Each file is changed in turn: the tag changes if, and only if, the engine copies that file."""
    trees = ["a", "b.log", "c.txt", "d/e.log", "d/f.txt", "d/g/h.log", "d/g/i.md", "node_modules/x/y.js", ".env",
             "d/.env", "src/keep.tmp", "src/drop.tmp", "sp ace"]
    files = ["*.log\n", "**/*.log\n!d/g/h.log\n", "d\n!d/f.txt\n", "*\n!src\nsrc/*.tmp\n!src/keep.tmp\n",
             "# comment\n\n  node_modules  \n/c.txt\n", "**/.env\nd/g\n", "d/*\n!d/g\n", "?\n[b-c].*\n", "d/**\n",
             "**\n!**/*.md\n", "s* ace\n./a\nd/../c.txt\n", "!a\na\n"]
    with Cloud() as cloud:
        for index, ignore in enumerate(files):
            folder = project(f"ignore-{index}", dockerfile="Dockerfile.all")
            context = folder / "orders"
            for name in ("prebuilt", "unique", "Dockerfile.prebuilt"):
                path = context / name
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            (context / ".dockerignore").write_text(ignore)
            (context / "Dockerfile.all").write_text("FROM scratch\nCOPY . /context/\n")
            for name in trees:
                (context / name).parent.mkdir(parents=True, exist_ok=True)
                (context / name).write_text("one")
            image = f"judge-ignore:{index}"
            docker("build", "-q", "-f", str(context / "Dockerfile.all"), "-t", image, str(context))
            container = docker("create", image, "x")
            listed = subprocess.run(f"docker export {container} | tar -t", shell=True, env=environment(),
                                    capture_output=True, text=True).stdout
            docker("rm", container)
            copied = {line.removeprefix("context/") for line in listed.splitlines() if line.startswith("context/")}

            def tag():
                done = cloud.run("plan", "--json", cwd=folder)
                return json.loads(done.stdout)["images"][0]["tag"]

            before = tag()
            for name in trees:
                (context / name).write_text("two")
                # Engines before 23 do not look into an ignored folder for what `!**/` takes back. To count
                # more than they copy is safe.
                counted = name in copied or (ignore == "**\n!**/*.md\n" and name.endswith(".md"))
                assert (tag() != before) == counted, f"{ignore!r}: {name} {'is' if name in copied else 'is not'} copied"
                (context / name).write_text("one")


def test_two_services_are_built_at_a_time():
    with Cloud() as cloud:
        folder = project("two")
        text = (folder / "ha-deploy.yml").read_text()
        block = text[text.index("  orders:\n"):]
        second = block.replace("  orders:\n", "  second:\n").replace("dockerfile: Dockerfile.prebuilt",
                                                                     "dockerfile: Dockerfile.prebuilt, args: {N: two}")
        (folder / "ha-deploy.yml").write_text(text + second)
        done = cloud.build(folder)
        names = {line.split()[0] for line in done.stdout.splitlines()}
        assert names == {"orders", "second"}, done.stdout
        grouped = project("grouped")
        done = cloud.build(grouped, env={"GITHUB_ACTIONS": "true"})
        assert done.stderr.count("::group::") == done.stderr.count("::endgroup::") == 2, done.stderr


def test_a_rehearsal_deploys_what_it_built():
    folder = project("rehearsal", enabled="true")
    proxy.trouble.clear()
    done = run("rehearse", "--docker", proxy.name, "--json", cwd=folder)
    result = json.loads(done.stdout)
    assert result["outcome"] == "done", result["summary"]
    digest = result["services"]["orders"]["to"]["digest"]
    tag = re.search(r"shop/orders:(ha-[0-9a-f]{40})", done.stderr)[1]
    assert registry(f"shop/orders/manifests/{tag}")[1] == digest


def test_a_deploy_builds_plans_and_deploys_by_digest():
    with Cloud() as cloud:
        folder = project("deploy")
        plan = cloud.run("plan", cwd=folder)
        assert "is not in the registry: it would be built" in plan.stdout, plan.stdout
        digest = cloud.build(folder).stdout.split()[1]
        plan = json.loads(cloud.run("plan", "--json", cwd=folder).stdout)
        assert plan["images"][0]["digest"] == digest
        assert digest in json.dumps(plan["services"][0]["steps"]), plan["services"][0]["steps"]


def test_the_scan_gate_stops_accepts_and_forgets():
    with Cloud() as cloud:
        passing = project("scan-critical", scan="scan: {severity: critical}")
        done = cloud.build(passing)
        said(done, "scan: done")
        again = json.loads(cloud.build(passing, "--json").stdout)
        assert sum(again["api_calls"].values()) <= 4, again["api_calls"]
        stopped = cloud.build(project("scan-medium", scan="scan: {severity: medium}"), expect=2)
        said(stopped, "CVE-2026-0002 (MEDIUM, zlib)")
        allow = "scan: {severity: medium, allow: [{id: CVE-2026-0002, until: %s, reason: no use of zlib}]}"
        said(cloud.build(project("scan-allowed", scan=allow % "2999-12-31")), "1 accepted")
        expired = cloud.build(project("scan-expired", scan=allow % "2026-01-01"), expect=2)
        said(expired, "Accepted until a day that is over: CVE-2026-0002")


# --- Trouble with the registry -------------------------------------------------------------------------


def test_connections_that_are_cut_are_tried_again():
    with Cloud() as cloud:
        proxy.trouble.cut_uploads = 2
        cloud.build(project("cut"))
        assert proxy.trouble.cut_uploads == 0
        proxy.trouble.status = [503, 429, 500]
        cloud.build(project("status"))
        assert proxy.trouble.status == []


def test_a_registry_that_stays_away_leaves_no_tag():
    with Cloud() as cloud:
        before = tags()
        proxy.trouble.cut_uploads = 10_000
        done = cloud.build(project("away"), expect=5, timeout=600)
        said(done, "the push was refused", "run again")
        assert tags() == before
        assert not in_temp()


def test_a_token_that_expires_is_replaced():
    with Cloud() as cloud:
        proxy.trouble.expire_after_uploads = 1
        done = cloud.build(project("expired"))
        said(done, "with a new token again")
        assert len(proxy.trouble.tokens) >= 2, proxy.trouble.tokens
        proxy.trouble.expired = 10_000
        before = tags()
        done = cloud.build(project("expired-for-good"), expect=6)
        said(done, "does not take the token")
        assert tags() == before


def test_a_tag_that_cannot_be_moved_is_compared():
    with Cloud() as cloud:
        folder = project("immutable")
        digest = cloud.build(folder).stdout.split()[1]
        # Somebody else was faster: at the first look the tag was not there.
        proxy.trouble.immutable = proxy.trouble.hide = True
    with Cloud() as cloud:
        proxy.trouble.immutable = proxy.trouble.hide = True
        same = cloud.build(folder)
        said(same, "somebody pushed the same image first")
        assert same.stdout.split()[1] == digest
    with Cloud() as cloud:
        proxy.trouble.immutable = proxy.trouble.hide = True
        tag = re.search(r"shop/orders:(ha-[0-9a-f]{40})", same.stderr)[1]
        other = docker("build", "-q", "--build-arg", "ORDERS_BROKEN=slow", "-f", str(folder / "orders/Dockerfile.prebuilt"),
                       str(folder / "orders"))
        docker("tag", other, f"{REGISTRY}/shop/orders:{tag}")
        docker("push", f"{REGISTRY}/shop/orders:{tag}")
        differs = cloud.build(folder, expect=2)
        said(differs, "cannot be moved, and is another image")


# --- Credentials ---------------------------------------------------------------------------------------


def processes(needles):
    """Where a credential is seen: command lines of all processes, environments of all but ours and the engine's."""
    found = []
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            command = pathlib.Path(folder, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            variables = pathlib.Path(folder, "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        for needle in needles:
            if needle in command:
                found.append(f"command line: {command}")
            if needle in variables:
                found.append(f"environment: {command}")
    return found


def files(needles):
    """Files that hold a credential, where this run could have left any."""
    found = []
    places = [TEMP, pathlib.Path(os.environ.get("HOME", "/root"), ".docker"), PLACE]
    for place in places:
        for folder, _, names in os.walk(place):
            for name in names:
                path = pathlib.Path(folder, name)
                try:
                    if path.stat().st_size < 1 << 20 and any(n.encode() in path.read_bytes() for n in needles):
                        found.append(path)
                except OSError:
                    pass
    return found


def watch(process, needles, until):
    """Looks again and again while a process runs; gives what was seen."""
    seen, held, modes = set(), set(), set()
    while process.poll() is None and not until():
        seen.update(processes(needles))
        for path in files(needles):
            held.add(path)
            try:
                modes.add((path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777))
            except OSError:
                pass
        time.sleep(0.02)
    return seen, held, modes


def test_a_token_is_in_one_private_file_while_it_is_needed_and_nowhere_after():
    with Cloud() as cloud:
        folder = project("leak")
        proxy.trouble.slow = 1.5
        process = cloud.popen("build", cwd=folder)
        seen, held, modes = watch(process, TOKENS, lambda: False)
        said = process.stdout.read()
        assert process.wait() == 0, said
        assert not seen, seen
        assert held and all(path.name == "config.json" for path in held), held
        assert modes == {(0o600, 0o700)}, modes
        assert not any(token in said for token in TOKENS), said
        assert not files(TOKENS) and not in_temp()
        # The key of AWS is for us alone: no child has it.
        assert not [line for line in processes(["rehearsal-key-never-shown"]) if "docker" in line.split()[1]]


def test_nothing_is_left_after_an_interruption_and_the_next_run_clears_up_after_sigkill():
    with Cloud() as cloud:
        for name, number in (("SIGTERM", signal.SIGTERM), ("SIGINT", signal.SIGINT), ("SIGKILL", signal.SIGKILL)):
            proxy.trouble.slow = 4
            process = cloud.popen("build", cwd=project(f"killed-{name}"))
            _, held, _ = watch(process, TOKENS, lambda: bool(files(TOKENS)))
            assert files(TOKENS), "the push has not begun"
            process.send_signal(number)
            text = process.communicate()[0]
            assert not any(token in text for token in TOKENS)
            proxy.trouble.slow = 0
            if name == "SIGKILL":
                assert process.returncode == -9 and in_temp(), "SIGKILL leaves it"
                # A no-op is enough.
                cloud.build(project("after-kill"))
            else:
                assert process.returncode == 130, text
            assert not files(TOKENS) and not in_temp(), name


def test_build_arguments_and_secrets_are_on_no_command_line():
    with Cloud() as cloud:
        folder = project("arguments", dockerfile="Dockerfile.slow",
                         build=", args: {WORD: an-argument-0815}, secrets: {npm: NPM_TOKEN}")
        shutil.copy("/bin/busybox", folder / "orders/busybox")
        (folder / "orders/Dockerfile.slow").write_text(
            'FROM scratch\nARG WORD\nCOPY busybox /bin/busybox\nCOPY unique /unique\nRUN ["/bin/busybox", "sleep", "2"]\n'
            "COPY prebuilt/orders /orders\nENTRYPOINT [\"/orders\"]\n")
        process = cloud.popen("build", cwd=folder)
        lines = set()
        while process.poll() is None:
            for folder_ in glob.glob("/proc/[0-9]*/cmdline"):
                try:
                    lines.add(pathlib.Path(folder_).read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    pass
            time.sleep(0.02)
        assert process.wait() == 0, process.stdout.read()
        builds = [line for line in lines if "--build-arg WORD" in line]
        assert builds, "the build was not seen"
        assert not [line for line in lines if "an-argument-0815" in line or SECRET in line]


# --- Bad input -----------------------------------------------------------------------------------------


def test_bad_input_is_a_clear_error_with_a_mend():
    with Cloud() as cloud:
        before = tags()
        folder = project("bad")

        def refused(text, mend, expect=2, args=(), env=None, at=folder):
            done = cloud.build(at, *args, expect=expect, env=env or {})
            said(done, text, mend)

        refused("no Docker engine answers", "systemctl start docker", 5, env={"DOCKER_HOST": "unix:///nowhere"})
        refused("there is no `docker` command", "Install Docker", env={"PATH": str(PLACE / "empty")})
        refused("there is no Dockerfile", "image.build.dockerfile", at=project("no-dockerfile", dockerfile="Other"))
        outside = project("outside")
        text = (outside / "ha-deploy.yml").read_text()
        (outside / "ha-deploy.yml").write_text(text.replace("context: orders", "context: ../bad/orders"))
        refused("is outside the repository", "Move what is to be built", at=outside)
        link = project("link")
        (link / "orders/out").symlink_to("../../bad/ha-deploy.yml")
        refused("leads out of the build context", "copy the file into the context", at=link)
        huge = project("huge")
        with open(huge / "orders/huge.img", "wb") as file:
            file.truncate(10 << 30)
        refused("more than 1024 MiB", "huge.img (10240 MiB)", at=huge)
        lacking = project("lacking", repository="shop/lacking")
        refused("ECR has no repository shop/lacking", "create-repository", at=lacking)
        assert tags() == before


def test_a_full_disk_is_named():
    with Cloud() as cloud:
        folder = project("full")
        with open(folder / "orders/large", "wb") as file:
            file.write(os.urandom(40 << 20))
        (folder / "orders/Dockerfile.prebuilt").write_text("FROM scratch\nCOPY large /a\nCOPY large /b\n")
        before = tags()
        done = cloud.build(folder, expect=5, env={"DOCKER_HOST": os.environ["JUDGE_FULL"]})
        said(done, "docker system prune")
        assert tags() == before


# --- The image check -----------------------------------------------------------------------------------

# An image, how it is made, and the tests that it must fail: these and no other.
VARIANTS = {
    "none": [],
    "errors": ["health"],
    "slow": ["health"],
    "crash": ["starts"],
    "slow-start": ["starts"],
    "ignores-sigterm": ["exits"],
    "lingers": ["exits"],
    "drops-in-flight": ["finishes-in-flight"],
    "accepts-after-sigterm": ["refuses-new"],
    "localhost": ["listens"],
    "wrong-port": ["listens"],
    "needs-dependency": ["dependency-away"],
    "always-ready": ["dependency-away"],
    "writes-root": ["read-only-root"],
    "needs-capability": ["capabilities"],
    "no-ready": ["ready"],
    "no-live": ["live"],
    "no-metrics": ["metrics"],
    "image:root": ["non-root"],
    "image:secret": ["secrets"],
    "image:fat": ["size"],
    "image:layers": ["layers"],
    "image:architecture": ["architecture"],
}
NAMES = ["architecture", "size", "layers", "non-root", "secrets", "starts", "read-only-root", "capabilities", "listens",
         "health", "ready", "live", "metrics", "finishes-in-flight", "refuses-new", "exits", "dependency-away"]


def variant_image(name, folder):
    """Builds an image that breaks one promise."""
    context = folder / f"context-{name.replace(':', '-')}"
    shutil.copytree(folder / "orders", context)
    text = (context / "Dockerfile.prebuilt").read_text()
    more = []
    if name == "image:root":
        text = text.replace("USER 65532:65532\n", "")
    elif name == "image:secret":
        text += "ENV DATABASE_PASSWORD=correct-horse-battery\n"
    elif name == "image:fat":
        (context / "fat").write_bytes(os.urandom(25 << 20))
        text += "COPY fat /fat\n"
    elif name == "image:layers":
        for index in range(41):
            (context / f"layer-{index}").write_text(str(index))
            text += f"COPY layer-{index} /layers/\n"
    elif name == "image:architecture":
        more = ["--platform", "linux/arm64"]
    elif name == "writes-root":
        (context / "state").mkdir()
        text = text.replace("COPY prebuilt/orders /orders\n",
                            "COPY prebuilt/orders /orders\nCOPY --chown=65532:65532 state /state\n")
    elif name == "needs-dependency":
        text += "ENV INVENTORY_URL=\n"
    (context / "Dockerfile.prebuilt").write_text(text)
    (context / ".dockerignore").unlink()
    broken = "none" if name.startswith("image:") else name
    tag = f"judge-orders:{name.replace(':', '-')}"
    docker("build", "-q", *more, "--build-arg", f"ORDERS_BROKEN={broken}", "-f", str(context / "Dockerfile.prebuilt"),
           "-t", tag, str(context))
    return tag


def test_each_check_fails_on_exactly_the_image_made_for_it():
    folder = project("variants", enabled="true")
    covered = set()

    def judge(name):
        image = variant_image(name, folder)
        expected = VARIANTS[name]
        done = run("check-image", image, "--json", cwd=folder, expect=2 if expected else 0)
        result = json.loads(done.stdout)
        failed = [check["name"] for check in result["checks"] if check["verdict"] == "fail"]
        assert failed == expected, f"{name}: {json.dumps(result['checks'], indent=1)}"
        assert [check["name"] for check in result["checks"]] == NAMES
        assert all(check["mend"] for check in result["checks"] if check["verdict"] == "fail")
        if not expected:
            assert all(check["verdict"] == "pass" for check in result["checks"]), result
        return failed

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for name, failed in zip(VARIANTS, pool.map(judge, VARIANTS)):
            print(f"  {name}: {', '.join(failed) or 'passes'}", flush=True)
            covered.update(failed)
    assert covered == set(NAMES), set(NAMES) - covered
    left = docker("ps", "--all", "--quiet", "--filter", "label=ha-deploy.check")
    assert not left, left


def test_a_check_that_fails_stops_the_push_unless_it_is_accepted():
    with Cloud() as cloud:
        folder = project("unfit", enabled="true")
        path = folder / "orders/Dockerfile.prebuilt"
        path.write_text(path.read_text().replace("USER 65532:65532\n", ""))
        before = tags()
        done = cloud.build(folder, expect=2)
        said(done, "the image does not pass: non-root", "USER 65532:65532")
        assert tags() == before
        config = folder / "ha-deploy.yml"
        config.write_text(config.read_text().replace("max_size: 24", "max_size: 24\n        accept: [non-root]"))
        said(cloud.build(folder), "accepted non-root")
        config.write_text(config.read_text().replace("accept: [non-root]", "accept: [no-such]"))
        said(cloud.build(folder, expect=2), "there is no test `no-such`")


def test_an_image_is_checked_by_digest():
    with Cloud() as cloud:
        folder = project("by-digest", enabled="true")
        digest = cloud.build(folder).stdout.split()[1]
        done = run("check-image", digest, cwd=folder)
        assert done.stdout.count("ok ") == len(NAMES), done.stdout
        said(run("check-image", "sha256:" + "0" * 64, cwd=folder, expect=2), "the engine has no image")


# --- Measurement ---------------------------------------------------------------------------------------


def bench_overhead():
    """Runs by name only. Prints what the program adds to a bare `docker build && docker push`."""
    rounds, size = 7, 256
    config = PLACE / "bench-config"
    config.mkdir()
    auth = base64.b64encode(b"AWS:rehearsal-token-0").decode()
    (config / "config.json").write_text(json.dumps({"auths": {proxy.name: {"auth": auth}}}))
    with Cloud() as cloud:
        bare, ours = [], []
        for index in range(rounds):
            for kind, times in (("bare", bare), ("ours", ours)):
                folder = project(f"bench-{kind}-{index}")
                with open(folder / "orders/data", "wb") as file:
                    file.write(os.urandom(size << 20))
                path = folder / "orders/Dockerfile.prebuilt"
                path.write_text(path.read_text() + "COPY data /data\n")
                os.sync()
                begin = time.monotonic()
                if kind == "ours":
                    cloud.build(folder)
                else:
                    # Through the same proxy.
                    name = f"{proxy.name}/shop/orders:bare-{index}"
                    docker("build", "-f", str(path), "-t", name, str(folder / "orders"))
                    docker("--config", str(config), "push", name)
                times.append(time.monotonic() - begin)
                shutil.rmtree(folder)
        middle = [sorted(times)[rounds // 2] for times in (bare, ours)]
        print(f"bare {[round(t, 2) for t in bare]}\nours {[round(t, 2) for t in ours]}")
        print(f"median bare {middle[0]:.2f} s, ours {middle[1]:.2f} s, overhead {100 * (middle[1] / middle[0] - 1):.1f} %")


def main():
    if sys.argv[3:] == ["bench"]:
        return bench_overhead()
    (PLACE / "empty").mkdir()
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    wanted = sys.argv[3:] or [""]
    failed = []
    passed = 0
    for name, test in tests.items():
        if not any(word in name for word in wanted):
            continue
        begin = time.monotonic()
        try:
            test()
            passed += 1
            print(f"test {name} ... ok ({time.monotonic() - begin:.1f} s)", flush=True)
        except Exception:
            failed.append(name)
            print(f"test {name} ... FAILED ({time.monotonic() - begin:.1f} s)\n{traceback.format_exc()}", flush=True)
    verdict = "FAILED" if failed else "ok"
    print(f"test result: {verdict}. {passed} passed; {len(failed)} failed; 0 ignored")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())

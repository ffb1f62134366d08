#!/usr/bin/env python3
"""Reads what `generate.py` makes, by other means than the crate: PyYAML, Python's JSON, and systemd itself.

What it finds is kept in `corpus.json`, beside the files. `reference.py --check` makes and reads all again,
and fails where anything differs from what is kept. It needs PyYAML and /lib/systemd/systemd.
"""

import fractions
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

import generate

KEPT = pathlib.Path(__file__).parent / "corpus.json"
OURS = "LIFECYCLE_"


class Refused(Exception):
    """The platform does not take the file."""


# --- the formats -------------------------------------------------------------------------------------------


class Loader(yaml.SafeLoader):
    """Refuses what is said twice, and keeps tags of CloudFormation and compose."""


class Tagged:
    def __init__(self, tag, value):
        self.tag, self.value = tag, value


def mapping(loader, node, deep=False):
    seen = set()
    for key, _ in node.value:
        if key.tag != "tag:yaml.org,2002:merge" and isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise Refused(f"{key.value} twice")
            seen.add(key.value)
    loader.flatten_mapping(node)
    return {loader.construct_object(key, deep=True): loader.construct_object(value, deep=True) for key, value in node.value}


def tagged(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return Tagged(suffix, node.value)
    if isinstance(node, yaml.SequenceNode):
        return Tagged(suffix, loader.construct_sequence(node, deep=True))
    return Tagged(suffix, mapping(loader, node))


Loader.add_constructor("tag:yaml.org,2002:map", mapping)
Loader.add_multi_constructor("!", tagged)


def documents(name, text):
    if name.endswith(".json"):
        try:
            return [json.loads(text)]
        except json.JSONDecodeError as error:
            raise Refused(str(error)) from error
    try:
        return [one for one in yaml.load_all(text, Loader) if one is not None]
    except yaml.YAMLError as error:
        raise Refused(str(error)) from error


UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
DAYS = {"d": 86400 * 10**9, "w": 7 * 86400 * 10**9}


def go_duration(text, units):
    """In milliseconds; it is a fraction where that is no whole number."""
    if not isinstance(text, str):
        raise Refused(f"{text!r} is no text")
    number = r"(\d+\.?\d*|\.\d+)"
    unit = "|".join(sorted(units, key=len, reverse=True))
    if not re.fullmatch(rf"\+?({number}({unit}))+", text):
        raise Refused(f"{text!r} is no duration")
    parts = re.findall(rf"{number}({unit})", text)
    return sum(fractions.Fraction(value) * units[unit] for value, unit in parts) / 10**6


def whole(value):
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise Refused(f"{value!r} is no number of seconds")
    return value * 1000


def shell_between(words):
    """The rule is cruder than the crate's, and enough for the commands of the patterns."""
    words = [word for word in words if word not in ("tini", "--")]
    if not words or words[0].rsplit("/")[-1] not in ("sh", "bash") or not words[1].startswith("-") or "c" not in words[1]:
        return False
    last = [line for line in re.split(r"\n|;|&&", words[2]) if line.strip()][-1].strip()
    return not last.startswith("exec ") or "|" in last


def answer(name, grace, is_written, variables, spent=0, signal=None, shell=False):
    return {
        "name": name,
        "grace_ms": None if grace is None else float(grace),
        "is_written": is_written,
        "spent_ms": None if spent is None else float(spent),
        "variables": {key: value for key, value in variables.items() if key.startswith(OURS)},
        "signal": signal,
        "shell": shell,
    }


# --- compose -------------------------------------------------------------------------------------------------

SERVICE_KEYS = set(
    "build command container_name depends_on deploy entrypoint env_file environment expose extends healthcheck image init "
    "labels logging networks platform ports profiles restart secrets shm_size stop_grace_period stop_signal ulimits user "
    "volumes".split()
)
DEPLOY_KEYS = set("mode replicas update_config resources restart_policy labels placement".split())
SIGNALS = set("HUP INT QUIT KILL USR1 USR2 TERM WINCH".split())


def environment(value):
    if isinstance(value, list):
        return dict(item.partition("=")[::2] for item in value)
    return {key: "" if item is None else str(item) for key, item in (value or {}).items()}


def merge(base, over):
    merged = {**base, **over}
    merged["environment"] = {**environment(base.get("environment")), **environment(over.get("environment"))}
    return merged


def extended(files, file, name, depth=0):
    services = documents(file, files[file])[0]["services"]
    service = services[name]
    extends = service.get("extends")
    if not extends or depth > 9:
        return service
    if isinstance(extends, str):
        extends = {"service": extends}
    base = extended(files, extends.get("file", file), extends["service"], depth + 1)
    return merge(base, {key: value for key, value in service.items() if key != "extends"})


def words(value):
    import shlex

    return shlex.split(value) if isinstance(value, str) else list(value or [])


def compose(files, first):
    order = [first]
    folder = first.rpartition("/")[0]
    if first in ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"):
        over = ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"]
        order += [name for name in over if folder + name in files][:1]
    services = {}
    root = documents(first, files[first])[0]
    for include in root.get("include", []):
        paths = include if isinstance(include, str) else include["path"]
        order = ([paths] if isinstance(paths, str) else paths) + order
    for file in order:
        for name in documents(file, files[file])[0]["services"]:
            services[name] = merge(services.get(name, {}), extended(files, file, name))
    answers = []
    for name, service in services.items():
        if not service.keys() - {"environment"} <= SERVICE_KEYS or not (service.get("deploy") or {}).keys() <= DEPLOY_KEYS:
            raise Refused(f"unknown fields in {name}")
        if "image" not in service and "build" not in service:
            raise Refused(f"{name} has neither image nor build")
        grace = service.get("stop_grace_period")
        signal = service.get("stop_signal")
        if signal and signal.upper().removeprefix("SIG") not in SIGNALS:
            raise Refused(f"{signal} is no signal")
        answers.append(
            answer(
                name,
                10_000 if grace is None else go_duration(grace, UNITS | DAYS),
                grace is not None,
                service["environment"],
                signal=signal,
                shell=shell_between(words(service.get("entrypoint")) + words(service.get("command"))),
            )
        )
    return answers


# --- Kubernetes ------------------------------------------------------------------------------------------------


def objects(document):
    return document["items"] if document.get("kind", "").endswith("List") else [document]


def slept(container):
    """What a preStop takes, in milliseconds; None where that is not known."""
    hook = (container.get("lifecycle") or {}).get("preStop")
    if hook is None:
        return 0
    if len(hook) != 1:
        raise Refused("two handlers")
    if "sleep" in hook:
        return whole(hook["sleep"]["seconds"])
    command = hook.get("exec", {}).get("command", [])
    script = command[-1] if command[:1] and command[0].endswith("sh") else " ".join(command)
    script = re.sub(r"^\s*#.*$", "", script, flags=re.M).strip().rstrip(";")
    found = re.fullmatch(r"(?:echo \w+ && )?(?:/bin/)?sleep\s+(\d+)(?: && true)?", script)
    return int(found[1]) * 1000 if found else None


def kubernetes(files, first):
    everything = [one for document in documents(first, files[first]) for one in objects(document)]
    maps = {one["metadata"]["name"]: one["data"] for one in everything if one["kind"] == "ConfigMap"}
    answers = []
    for one in everything:
        spec = one.get("spec") or {}
        pod = {"Pod": spec}.get(one["kind"])
        if one["kind"] == "CronJob":
            pod = spec["jobTemplate"]["spec"]["template"]["spec"]
        elif pod is None:
            pod = (spec.get("template") or {}).get("spec")
        if pod is None:
            continue
        if pod is not spec and "terminationGracePeriodSeconds" in spec:
            raise Refused("unknown field in the spec")
        grace = pod.get("terminationGracePeriodSeconds")
        grace_ms = 30_000 if grace is None else whole(grace)
        for container in pod["containers"]:
            if not container.get("name") or not container.get("image"):
                raise Refused("a container without name or image")
            if {"terminationGracePeriodSeconds", "preStop"} & container.keys():
                raise Refused("unknown field in a container")
            variables = {}
            for source in container.get("envFrom", []):
                prefix = source.get("prefix", "")
                variables |= {prefix + key: value for key, value in maps[source["configMapRef"]["name"]].items()}
            for one_variable in container.get("env", []):
                if not one_variable.get("name"):
                    raise Refused("a variable without a name")
                value = one_variable.get("value", "")
                if not isinstance(value, str):
                    raise Refused("a variable that is no text")
                reference = (one_variable.get("valueFrom") or {}).get("configMapKeyRef")
                if reference:
                    value = maps[reference["name"]][reference["key"]]
                variables[one_variable["name"]] = value
            signal = (container.get("lifecycle") or {}).get("stopSignal")
            if signal and (signal.upper() != signal or "name" not in pod.get("os", {})):
                raise Refused(f"stopSignal {signal}")
            answers.append(
                answer(
                    container["name"],
                    grace_ms,
                    grace is not None,
                    variables,
                    spent=slept(container),
                    signal=signal,
                    shell=shell_between(container.get("command", []) + container.get("args", [])),
                )
            )
    return answers


# --- ECS, Nomad ------------------------------------------------------------------------------------------------


def ecs(files, first):
    root = documents(first, files[first])[0]
    low = lambda key: key[:1].lower() + key[1:]
    tasks = [{"containerDefinitions": root}] if isinstance(root, list) else [root.get("taskDefinition", root)]
    is_stack = isinstance(root, dict) and "Resources" in root
    if is_stack:
        found = [one["Properties"] for one in root["Resources"].values() if one["Type"] == "AWS::ECS::TaskDefinition"]
        tasks = [{low(key): value for key, value in one.items()} for one in found]
    answers = []
    for task in tasks:
        if "stopTimeout" in task:
            raise Refused("unknown field in the task")
        for container in task["containerDefinitions"]:
            container = {low(key): value for key, value in container.items()}
            if not container.get("image"):
                raise Refused("a container without an image")
            stop = container.get("stopTimeout")
            if is_stack and isinstance(stop, str) and stop.isdigit():
                stop = int(stop)
            grace = 30_000 if stop is None else whole(stop)
            if "FARGATE" in task.get("requiresCompatibilities", []) and grace > 120_000:
                raise Refused("more than Fargate takes")
            variables = {}
            for one in container.get("environment", []):
                one = {low(key): value for key, value in one.items()}
                variables[one["name"]] = one["value"]
            commands = container.get("entryPoint", []) + container.get("command", [])
            answers.append(answer(container["name"], grace, stop is not None, variables, shell=shell_between(commands)))
    return answers


def each(value):
    return value if isinstance(value, list) else [value]


def nomad(files, first):
    root = documents(first, files[first])[0]
    tasks = []
    if "job" in root:
        for job in each(root["job"]):
            for body in job.values():
                for group in each(body["group"]):
                    for inner in group.values():
                        for block in each(inner):
                            if "kill_timeout" in block:
                                raise Refused("kill_timeout in a group")
                            tasks += [(name, one) for name, all_ in block["task"].items() for one in each(all_)]
    else:
        for group in root.get("Job", root)["TaskGroups"]:
            tasks += [(one["Name"], {"kill_timeout": one.get("KillTimeout"), "kill_signal": one.get("KillSignal"),
                                     "env": one.get("Env")}) for one in group["Tasks"]]
    answers = []
    for name, task in tasks:
        time = task.get("kill_timeout")
        grace = 5_000 if time is None else time / 10**6 if isinstance(time, int) else go_duration(time, UNITS)
        if grace > 30_000:
            raise Refused("more than a client takes")
        variables = {}
        for block in each(task.get("env") or {}):
            variables |= block
        answers.append(answer(name, grace, time is not None, variables, signal=task.get("kill_signal") or None))
    return answers


# --- quadlets --------------------------------------------------------------------------------------------------


def quadlet(files, first):
    section, said, line_before = None, [], ""
    for line in files[first].splitlines():
        if line.lstrip()[:1] in ("#", ";") or not line.strip():
            continue
        line = line_before + line.strip()
        line_before = ""
        if line.endswith("\\"):
            line_before = line[:-1] + " "
        elif line.startswith("["):
            section = line[1:-1]
        else:
            said.append((section, *line.split("=", 1)))
    if not any((part, key) == ("Container", "Image") for part, key, _ in said):
        raise Refused("no Image=")
    stop, unit, variables = None, 90_000, {}
    for part, key, value in said:
        if (part, key) == ("Container", "StopTimeout"):
            stop = int(value)
        found = re.search(r"--stop-timeout[= ](\d+)", value)
        if key == "PodmanArgs" and found:
            stop = int(found[1])
        if (part, key) == ("Service", "TimeoutStopSec"):
            unit = int(value) * 1000
        if (part, key) == ("Container", "Environment"):
            variables |= dict(word.split("=", 1) for word in value.split())
    grace = 10_000 if stop is None else stop * 1000
    return [answer("", min(grace, unit), stop is not None, variables)]


# --- systemd ---------------------------------------------------------------------------------------------------


def systemd(cases):
    """What the manager itself makes of the units, all in one run: `systemd --user --test` prints it."""
    answers = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for case, (files, first) in cases.items():
            # A search path of its own for each case, as drop-ins of the type count for all that are in it.
            root = pathlib.Path(folder) / case.replace("/", "-")
            units = root / "systemd" / "user"
            for name, text in files.items():
                path = units / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            run = root / "run"
            run.mkdir()
            os.chmod(run, 0o777)
            (units / "all.target").write_text(f"[Unit]\nWants={first}\n")
            command = ["/lib/systemd/systemd", "--user", "--test", "--unit=all.target"]
            if os.getuid() == 0:
                # As root it does not load units of users.
                command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
            env = {"PATH": os.environ["PATH"], "HOME": str(root), "XDG_CONFIG_HOME": str(root), "XDG_RUNTIME_DIR": str(run)}
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
            answers[case] = of_dump(done.stdout, first, files)
            if answers[case] is None and "Loaded units" not in done.stdout + done.stderr:
                sys.exit(f"systemd --user --test does not run here:\n{done.stdout}{done.stderr}")
    return answers


def of_dump(dump, first, files):
    found = re.search(rf"^\t-> Unit {re.escape(first)}:\n((?:\t\t.*\n)*)", dump, re.M)
    if not found or "Unit Load State: loaded" not in found[1]:
        return None
    said = re.findall(r"^\t\t([\w ]+): ?(.*)$", found[1], re.M)
    one = dict(said)
    variables = dict(value.split("=", 1) for key, value in said if key == "Environment")
    for value in (value for key, value in said if key == "UnsetEnvironment"):
        name, has_value, wanted = value.partition("=")
        if name in variables and (not has_value or variables[name] == wanted):
            del variables[name]
    text = "\n".join(line for file in files.values() for line in file.splitlines())
    is_written = re.search(r"^\s*Timeout(Stop)?Sec\s*=", text.split("[X-")[0], re.M) is not None
    shell = False
    if one["KillMode"] in ("mixed", "process"):
        import shlex

        start = re.search(r"^ExecStart=(/bin/(?:ba)?sh .*)$", files[first], re.M)
        shell = bool(start) and shell_between(shlex.split(start[1]))
    signal = one["KillSignal"]
    grace = exact(span(one["TimeoutStopSec"]), re.findall(r"^\s*Timeout(?:Stop)?Sec\s*=(.*)$", text, re.M))
    return answer("", grace, is_written, variables, signal=signal, shell=shell)


def exact(shown, written):
    """The dump shows whole seconds, where there are some; `systemd-analyze timespan` shows all of what is written."""
    for text in written:
        done = subprocess.run(["systemd-analyze", "timespan", text.strip()], capture_output=True, text=True)
        found = re.search(r"^\s*.s: (\d+)$", done.stdout, re.M)
        millis = found and fractions.Fraction(int(found[1]), 1000)
        if millis and shown is not None and millis - millis % 1000 == shown:
            return millis
    return shown


def span(text):
    """As systemd prints it, in milliseconds."""
    if text == "infinity":
        return None
    worth = {"w": 604800000, "d": 86400000, "h": 3600000, "min": 60000, "s": 1000, "ms": 1, "us": fractions.Fraction(1, 1000),
             "y": 31557600000, "month": 2629800000}
    return sum(fractions.Fraction(number) * worth[unit] for number, unit in re.findall(r"([\d.]+)([a-z]+)", text))


# ----------------------------------------------------------------------------------------------------------------

READERS = {"compose": compose, "kubernetes": kubernetes, "ecs": ecs, "nomad": nomad, "quadlet": quadlet}


def main():
    kept = {}
    units = {}
    for case, files in generate.cases().items():
        first = next(iter(files))
        platform = case.split("/")[0].removesuffix("-refused")
        kept[case] = {"first": first, "files": files, "answers": None}
        if platform == "systemd":
            units[case] = (files, first)
            continue
        try:
            kept[case]["answers"] = READERS[platform](files, first)
        except Refused:
            pass
    for case, found in systemd(units).items():
        kept[case]["answers"] = None if found is None else [found]
    for case, one in kept.items():
        if (one["answers"] is None) != case.split("/")[0].endswith("-refused"):
            sys.exit(f"{case}: {'refused' if one['answers'] is None else 'taken'}, against its pattern\n" + next(iter(one["files"].values())))
    text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
    if "--check" in sys.argv:
        if KEPT.read_text() != text:
            sys.exit("corpus.json is not what is made and read now: reference.py writes it")
    else:
        KEPT.write_text(text)
    refused = sum(one["answers"] is None for one in kept.values())
    files = sum(len(one["files"]) for one in kept.values())
    print(f"{len(generate.PATTERNS)} patterns, {len(kept)} cases, {files} files, {refused} refused")


if __name__ == "__main__":
    main()

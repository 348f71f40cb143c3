"""Sessions: `lint types deploy tests`, `faults planted bench profile`, before a release `locked bounds security`."""

import os
import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "deploy", "tests"]

LOCKS = {"runtime": [], "test": ["--extra", "test"]}
"""Files of `requirements/`, each with what it locks beside the engine's own dependencies."""
UV = "uv>=0.8"
SERVERS = {"redis-server": "redis-server", "mariadbd": "mariadb-server"}
BROWSER = {"chromium": "chromium"}
RULES = {"promtool": "prometheus"}
RESULTS = "benchmarks/results/results.json"
POLICY = Path("/usr/sbin/policy-rc.d")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format and the direction of imports."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def deploy(session: nox.Session) -> None:
    """The container files: their style, and the schemas of what reads them."""
    session.install("-e", ".[deploy]")
    session.run("hadolint", "deploy/Dockerfile")
    session.run("yamllint", "--strict", ".yamllint", "deploy")
    session.run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "deploy/compose/compose.yaml")
    manifests = [f"deploy/kubernetes/{name}.yaml" for name in ("engine", "workers")]
    session.run("kubernetes-validate", "--strict", "--no-warn", *manifests)
    session.run("python", "-m", "tests.keda", *manifests)


@nox.session
def types(session: nox.Session) -> None:
    """Mypy strict over everything."""
    session.install("-e", ".[types,test]")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite, against private servers on free ports; a browser looks at the page, promtool at the alerts."""
    provide_programs(session, SERVERS | BROWSER | RULES)
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """The fault suite, whole, a soak (`nox -s faults -- --minutes 30 --seed 7`), planted bugs; writes the tables."""
    provide_programs(session, SERVERS)
    session.install("-e", ".[test]")
    results = Path(session.create_tmp()) / "results.jsonl"
    results.unlink(missing_ok=True)
    try:
        session.run("pytest", "tests/faults", "--whole", "-n", "2", f"--results={results}")
        session.run("python", "-m", "tests.faults.soak", f"--results={results}", *session.posargs)
        session.run("python", "-m", "tests.faults.planted", f"--results={results}")
    finally:
        where = ["--to", "tests/faults/RESULTS.md", "--readme", "README.md"]
        session.run("python", "-m", "tests.faults.report", str(results), *where)


@nox.session
def planted(session: nox.Session) -> None:
    """Bugs planted in the source, each of which the tests must catch: `nox -s planted -- --only NAME`."""
    provide_programs(session, SERVERS)
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.faults.planted", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Write the lock files anew after a change of pyproject.toml; `nox -s lock -- --upgrade` takes newer versions."""
    session.install(UV)
    for name in LOCKS:
        compile_lock(session, name, Path("requirements"), *session.posargs)


@nox.session
def locked(session: nox.Session) -> None:
    """The lock files are what pyproject.toml asks for; what they hash can be installed, and passes the unit tests."""
    session.install(UV)
    for name in LOCKS:
        folder = Path(session.create_tmp())
        committed = Path("requirements", f"{name}.txt")
        shutil.copy(committed, folder)
        compile_lock(session, name, folder)
        if (folder / committed.name).read_bytes() != committed.read_bytes():
            session.error(f"{committed} is not up to date: nox -s lock")
    session.run("python", "-m", "pip", "install", "-q", "--require-hashes", "-r", "requirements/test.txt")
    session.install("--no-deps", "-e", ".")
    session.run("python", "-m", "pip", "check")
    session.run("pytest", "tests/unit", *session.posargs)


@nox.session
def bounds(session: nox.Session) -> None:
    """The oldest versions that pyproject.toml allows: unit tests and contracts."""
    provide_programs(session, SERVERS)
    session.install(UV)
    python = Path(session.bin, "python")
    session.run("uv", "pip", "install", f"--python={python}", "--resolution=lowest-direct", "-e", ".[test]")
    session.run("pytest", "tests/unit", "tests/contracts", *session.posargs)


@nox.session
def security(session: nox.Session) -> None:
    """Known mistakes in the code, a list of what a release consists of (dist/sbom.json), known holes in that."""
    session.install("bandit[toml]>=1.8", "cyclonedx-bom>=7", "pip-audit>=2.9")
    session.run("bandit", "-q", "-c", "pyproject.toml", "-r", "engine", "adapters")
    Path("dist").mkdir(exist_ok=True)
    about = ["--pyproject=pyproject.toml", "--output-reproducible", "--output-file=dist/sbom.json"]
    session.run("cyclonedx-py", "requirements", "requirements/runtime.txt", *about)
    # Strict: what could not be looked up was not audited. Needs the advisory service of the package index.
    session.run("pip-audit", "--strict", "--disable-pip", "--require-hashes", "-r", "requirements/runtime.txt")


def compile_lock(session: nox.Session, name: str, folder: Path, *options: str) -> None:
    """Resolve for every Python and platform that is supported; what the file already holds is kept where it fits."""
    command = ["uv", "pip", "compile", "pyproject.toml", *LOCKS[name], "--quiet", f"--output-file={folder / name}.txt"]
    command += ["--universal", "--python-version=3.11", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    session.run(*command, *options)


@nox.session
def bench(session: nox.Session) -> None:
    """All scenarios but `peers` into benchmarks/results, or what is asked for: `nox -s bench -- --scenario mmdb`."""
    provide_programs(session, SERVERS)
    peers = "--peers" in session.posargs or any("peers" in each.split(",") for each in session.posargs)
    session.install("-e", ".[test,bench,peers]" if peers else ".[test,bench]")
    arguments = session.posargs or ["--scenario", "all", "--json", RESULTS]
    session.run("python", "-m", "benchmarks", *arguments)
    if "--json" in arguments:
        session.run("python", "-m", "benchmarks.page", arguments[arguments.index("--json") + 1])


@nox.session
def profile(session: nox.Session) -> None:
    """Where a record's microseconds go: `nox -s profile -- --records N --workers N`; writes a page with the results."""
    provide_programs(session, SERVERS)
    session.install("-e", ".[test]")
    session.run("python", "-m", "benchmarks.stages", "--to", "benchmarks/results/profile.md", *session.posargs)


def provide_programs(session: nox.Session, packages: dict[str, str]) -> None:
    """Install the programs that are missing, each with its package, where root and apt can; nothing is started."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    missing = [package for program, package in packages.items() if shutil.which(program, path=path) is None]
    if not missing:
        return
    command = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        session.warn(
            f"missing: {', '.join(missing)}; tests that need them are skipped. To have them, as root: {command}"
        )
        return
    session.log(f"installing {', '.join(missing)} by apt, without starting them")
    forbid_starting = not POLICY.exists()
    if forbid_starting:
        POLICY.write_text("#!/bin/sh\nexit 101\n")  # Debian's way to keep a package from starting its service
        POLICY.chmod(0o755)
    try:
        session.run("apt-get", "update", "-q", external=True, silent=True, success_codes=[0, 100])
        session.run(*command.split(), external=True, silent=True, env={"DEBIAN_FRONTEND": "noninteractive"})
    finally:
        if forbid_starting:
            POLICY.unlink()

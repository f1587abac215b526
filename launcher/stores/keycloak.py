"""Keycloak: built once for each version into the user's cache, then started in its fast, production-like way."""

import shutil
import subprocess
import zipfile
from hashlib import sha256
from pathlib import Path

from infrastructure.keycloak import realm
from launcher.addresses import gateway_url, keycloak_url, port_of
from launcher.artifacts import fetch, locked_artifacts
from launcher.cache import cache_directory, locked
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.java import java
from launcher.stores.base import specification as base_specification
from launcher.supervisor.specification import Probe, Specification
from launcher.system import OIDC_CLIENT_SECRET, store

NAME = "keycloak"
ADMINISTRATOR = ("admin", "admin")  # user and password, in development
BUILD = (
    "--db=postgres",
    "--cache=local",
    "--health-enabled=true",
    "--metrics-enabled=false",
    "--features-disabled=kerberos",
)
# Scripts and tests log the same user in at the same moment: by default Keycloak takes one of them and refuses the others.
SEVERAL_AT_ONCE = "KC_SPI_BRUTE_FORCE_PROTECTOR__DEFAULT_BRUTE_FORCE_DETECTOR__ALLOW_CONCURRENT_REQUESTS"
_FORK_JOIN = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
# As kc.sh starts it; kc.sh itself would stand between the supervisor and the server. Only the quick compiler:
# that halves the processor time until it is ready (20 s to 10 s here), and a log-in is slower by 50 ms.
JVM = (
    "-Xms64m", "-Xmx288m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MetaspaceSize=96M", "-XX:MaxMetaspaceSize=256m",
    "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-Dstderr.encoding=UTF-8", "-XX:+ExitOnOutOfMemoryError",
    "-Djava.security.egd=file:/dev/urandom", "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED", "--add-opens=java.base/java.security=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED", "--enable-native-access=ALL-UNNAMED",
    "-Duser.language=en", "-Duser.country=US", "-Dpicocli.disable.closures=true",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    f"-Djava.util.concurrent.ForkJoinPool.common.threadFactory={_FORK_JOIN}",
    # Connections that have lain idle are tried before use: else, after PostgreSQL was away, each fails somebody's log-in.
    "-Dquarkus.datasource.jdbc.foreground-validation-interval=1S",
)  # fmt: skip


def installation() -> Path:
    """Keycloak, unpacked and built; the first call on a machine takes half a minute."""
    recipe = " ".join((*BUILD, *(file.sha256 for file in locked_artifacts(NAME))))
    target = cache_directory() / f"keycloak-built-{sha256(recipe.encode()).hexdigest()[:12]}"
    if not target.exists():
        with locked("keycloak-built"):
            if not target.exists():
                _build(target)
    return target


def _build(target: Path) -> None:
    unfinished = target.with_name(target.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    archive = next(fetch(NAME).glob("*.zip"))
    with zipfile.ZipFile(archive) as content:
        content.extractall(unfinished)
    home = next(unfinished.iterdir())
    done = subprocess.run([*_java(home), "build", *BUILD], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LauncherError(
            f"Keycloak could not be built:\n{done.stdout}{done.stderr}", "Is there room on the disk?"
        )
    home.rename(target)
    shutil.rmtree(unfinished)


def _java(home: Path) -> list[str]:
    properties = [f"-Dkc.home.dir={home}", f"-Djboss.server.config.dir={home / 'conf'}"]
    main = ["-cp", str(home / "lib" / "quarkus-run.jar"), "io.quarkus.bootstrap.runner.QuarkusEntryPoint"]
    return [java(), *JVM, *properties, *main]


def prepare(instance: Instance) -> None:
    """A home of its own, whose programs are those of the cache and whose data are its own."""
    home = _home(instance)
    shutil.rmtree(home, ignore_errors=True)
    (home / "data" / "import").mkdir(parents=True)
    for part in installation().iterdir():
        if part.name != "data":
            (home / part.name).symlink_to(part)
    shutil.copy(realm.path("development"), home / "data" / "import")


def specification(instance: Instance) -> Specification:
    """The server as the supervisor runs it."""
    port, management = port_of(instance, NAME), instance.port(store(NAME).also[0])
    command = [
        *_java(_home(instance)), "start", "--optimized", "--import-realm", "--http-enabled=true",
        "--http-host=127.0.0.1", f"--http-port={port}", f"--http-management-port={management}",
        f"--hostname={keycloak_url(instance)}", "--cache=local", "--log-level=warn", "--log-console-output=default",
    ]  # fmt: skip
    return base_specification(
        instance,
        NAME,
        command,
        ready=Probe("http", management, "/health/ready"),
        live=Probe("http", management, "/health/live"),
        more=_environment(instance),
        labels=("server",),
    )


def _environment(instance: Instance) -> dict[str, str]:
    database = port_of(instance, "postgres")
    return {
        "KC_DB_URL": f"jdbc:postgresql://127.0.0.1:{database}/{NAME}",
        "KC_DB_USERNAME": NAME,
        "KC_DB_PASSWORD": NAME,
        "KC_DB_POOL_INITIAL_SIZE": "1",
        "KC_DB_POOL_MAX_SIZE": "10",
        "KC_BOOTSTRAP_ADMIN_USERNAME": ADMINISTRATOR[0],
        "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMINISTRATOR[1],
        SEVERAL_AT_ONCE: "true",
        "MICROCOMMERCE_GATEWAY_URL": gateway_url(instance),
        "MICROCOMMERCE_SMTP_HOST": "127.0.0.1",
        "MICROCOMMERCE_SMTP_PORT": str(port_of(instance, "mail")),
        "MICROCOMMERCE_OIDC_CLIENT_SECRET": OIDC_CLIENT_SECRET,
    }


def _home(instance: Instance) -> Path:
    return instance.state / NAME

"""What only the Redis queue can get wrong: lost answers, servers that die, forget, freeze, fill up or refuse."""

import gc
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
import trio.testing
from redis.asyncio import Redis, SSLConnection
from redis.exceptions import ConnectionError as ClientConnectionError
from redis.exceptions import NoPermissionError, OutOfMemoryError, ResponseError

from adapters.queues.redis import RedisQueue, open_queue
from adapters.queues.redis_checks import is_too_old
from adapters.queues.redis_client import Limits, _Watched, make_client
from adapters.queues.redis_errors import RIGHTS, translate
from adapters.queues.scripts import CLAIM, RECONCILE
from engine.delivery import Cursor, Debt, Delivery
from engine.errors import ConfigError, UnavailableError
from tests.contracts.queue_worlds import RedisWorld, mark, page, records
from tests.faults.proxy import DOWN, FaultProxy, Toxics
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer
from tests.servers.redis_cluster import RedisClusterServers

THREE = page(Cursor(), [1, 2, 3])
MORE = page(THREE.end, [4, 5])
HASTY = Limits(call_seconds=0.3)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a server of the test's own, to be broken."""
    with RedisServer(tmp_path, {"appendfsync": "always"}) as private:
        yield private


@asynccontextmanager
async def paused(server: RedisServer) -> AsyncIterator[None]:
    """The server is frozen inside."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


async def test_a_failed_call_does_not_wait_for_garbage_collection(server: RedisServer) -> None:
    """What was sent may be megabytes, and collections are rare: no error that is over has a traceback to hold it."""
    async with open_queue(server.url) as queue:
        server.kill()
        gc.collect()
        gc.disable()
        try:
            with suppress(UnavailableError):  # pytest.raises would keep it
                await queue.put(THREE)
            await trio.testing.wait_all_tasks_blocked()  # asyncio lets go of its future a moment later
            errors = [each for each in gc.get_objects() if isinstance(each, (UnavailableError, ClientConnectionError))]
            holding = [error for error in errors if error.__traceback__ is not None]
        finally:
            gc.enable()
    assert holding == []


async def test_a_killed_server_forgets_nothing(server: RedisServer) -> None:
    """After kill -9 and a new start batches, cursor, marks, leases and attempts are what they were."""
    async with open_queue(server.url) as queue, open_queue(server.url) as other:
        await queue.put(THREE)
        one, two, three = await queue.claim(3, 0)
        await queue.ack([one])
        await queue.nack(two, 0)
        server.kill()
        with pytest.raises(UnavailableError):
            await queue.depth()
        with pytest.raises(UnavailableError):
            await other.claim(1, 0)
        server.start()
        assert await queue.cursor("s") == THREE.end
        assert await queue.depth() == 2
        (again,) = await other.claim(5, 0)
        assert (records([again]), again.attempt) == ([2], 2)
        assert await queue.renew([three]) == [three]
        assert await queue.debt("s", mark(1), 10) == Debt(1, 0)


async def test_a_server_emptied_in_the_middle(server: RedisServer) -> None:
    """The queue goes on from the beginning: nothing raises, deliveries in hand are lost leases, the cursor is at 0."""
    async with open_queue(server.url) as queue:
        await queue.put(THREE)
        one, two, three = await queue.claim(3, 0)
        with server.connect() as client:
            client.flushall()
        assert await queue.renew([one, two, three]) == []
        await queue.nack(one, 0)
        await queue.release([two])
        await queue.dead_letter(three, "gone")
        await queue.ack([one, two, three])
        assert await queue.cursor("s") == Cursor()
        assert not await queue.claim(3, 0)
        assert await queue.put(THREE)
        assert records(await queue.claim(3, 0)) == [1, 2, 3]


async def test_a_lost_group_is_made_again(redis_world: RedisWorld) -> None:
    """Where only the consumer group is gone, everything not settled is delivered anew."""
    async with redis_world.open() as queue:
        await queue.put(THREE)
        redis_world.client.xgroup_destroy(redis_world.stream, "engines")
        assert records(await queue.claim(3, 0)) == [1, 2, 3]


async def test_a_put_whose_answer_was_lost(server: RedisServer) -> None:
    """The server did it after we gave up: the same put again is true, and there is one set of entries."""
    async with open_queue(server.url, limits=HASTY) as queue:
        await queue.put(THREE)
        async with paused(server):
            with pytest.raises(UnavailableError, match="did not answer"):
                await queue.put(MORE)
        assert await queue.put(MORE)
        assert await queue.put(MORE)
        assert await queue.depth() == 5
        with server.connect() as client:
            assert client.xlen("{botnet:default}:stream") == 5
            assert client.zcard("{botnet:default}:outstanding:s") == 5


async def test_a_claim_that_arrives_late_takes_nothing_for_good(server: RedisServer) -> None:
    """A cancelled claim that Redis carries out later, even after the next one began, orphans no delivery."""
    async with open_queue(server.url, lease_seconds=3600) as queue:
        await queue.put(page(Cursor(), range(1, 31)))
        taken: list[Delivery] = []
        for _ in range(10):
            async with paused(server):
                for _ in range(3):
                    with trio.move_on_after(0.005):
                        await queue.claim(4, 0)
            taken += await queue.claim(3, 0)
        assert sorted(records(taken)) == list(range(1, 31))
        assert {delivery.attempt for delivery in taken} == {1}


async def test_orders_of_an_older_generation_do_nothing(redis_world: RedisWorld) -> None:
    """A claim or a reconciliation that was overtaken by a later one changes nothing when it arrives."""
    async with open_queue(redis_world.url, queue_name=redis_world.queue_name) as queue:
        await queue.put(THREE)
        (held,) = await queue.claim(1, 0)
        keys = [redis_world.stream, f"{redis_world.prefix}:generations"]
        before = redis_world.pending()
        for script, *rest in ((CLAIM, 5, 60000), (RECONCILE,)):
            redis_world.client.eval(script.text, 2, *keys, queue._instance, queue._generation - 1, *rest)
        assert [each[:2] for each in redis_world.pending()] == [each[:2] for each in before]
        assert await queue.renew([held]) == [held]


async def test_nothing_is_sent_twice_behind_our_back(server: RedisServer) -> None:
    """When the connection breaks in the middle of a call the client says so, and does not repeat it by itself."""
    async with open_queue(server.url) as queue:
        await queue.put(THREE)
        async with trio.open_nursery() as nursery:
            server.pause()

            async def put() -> None:
                with pytest.raises(UnavailableError):
                    await queue.put(MORE)

            nursery.start_soon(put)
            await trio.testing.wait_all_tasks_blocked(0.05)
            server.restart()
        assert await queue.depth() == 3


async def test_a_frozen_server_holds_nobody(server: RedisServer) -> None:
    """Cancelling is prompt, the deadline of a call holds, and leaving the queue takes no time."""
    async with paused(server):
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            async with open_queue(server.url, limits=HASTY):
                pytest.fail("it cannot open")
        assert time.monotonic() - began < 1.5
    async with open_queue(server.url) as queue:
        server.pause()
        began = time.monotonic()
        with trio.move_on_after(0.1) as scope:
            await queue.claim(1, 10)
        assert scope.cancelled_caught
    assert time.monotonic() - began < 0.7


async def test_no_cancellation_is_swallowed(server: RedisServer) -> None:
    """In whatever step of connecting, sending or waiting it comes, cancelling a command ends it at once."""
    chance = random.Random(3)
    async with open_queue(server.url) as queue, paused(server):
        for _ in range(150):
            began = time.monotonic()
            with trio.move_on_after(chance.choice([0.0003, 0.001, 0.002]) * chance.uniform(0.5, 1.5)) as scope:
                await queue.claim(1, 0)
            assert scope.cancelled_caught
            assert time.monotonic() - began < 1


async def test_what_was_damaged_on_the_way_is_no_dead_letter(server: RedisServer) -> None:
    """A large batch whose bytes are garbled between Redis and us is claimed again, by nobody's fault."""
    async with FaultProxy("127.0.0.1", server.port, seed=3) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        async with open_queue(url, limits=HASTY) as queue:
            await queue.put(page(Cursor(), range(1, 6001), each=1500))
            proxy.poison(Toxics(garbage_chance=0.3), DOWN)
            damaged = 0
            while not damaged:
                try:
                    await queue.release(await queue.claim(2, 0))
                except UnavailableError as error:
                    damaged += "damaged on the way" in str(error)
            proxy.heal()
            taken = await queue.claim(10, 0)
            assert sorted(records(taken)) == list(range(1, 6001))
            assert {delivery.attempt for delivery in taken} == {1}


async def test_a_full_server_can_be_emptied(redis_world: RedisWorld) -> None:
    """Out of memory, a put has to wait; claiming, renewing, settling and owning go on."""
    client = redis_world.client
    async with redis_world.open() as queue:
        await queue.put(page(Cursor(), range(1, 9)))
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(UnavailableError, match="OOM|memory"):
                await queue.put(page(page(Cursor(), range(1, 9)).end, [9]))
            async with redis_world.open() as other:
                assert await queue.acquire("s", 30)
                assert await queue.acquire("s", 30)
                one, two, three = await queue.claim(3, 0)
                (four,) = await other.claim(1, 0)
                await other.dead_letter(four, "even this")
                assert await queue.renew([one]) == [one]
                await queue.release([two])
                await queue.nack(three, 0)
                await queue.ack([one])
                assert await queue.depth() == 6
                assert await queue.debt("s", mark(1), 10) == Debt(1, 0)
        finally:
            client.config_set("maxmemory", 0)


async def test_silent_consumers_that_hold_nothing_are_removed(redis_world: RedisWorld) -> None:
    """A consumer with deliveries is never removed: removing it would lose them."""
    async with redis_world.open() as idle, redis_world.open() as busy:
        await busy.put(THREE)
        await busy.claim(3, 0)
        await idle.claim(1, 0)
    async with open_queue(redis_world.url, queue_name=redis_world.queue_name) as queue:
        await queue.join(None, forgotten_seconds=-1)
        assert len(redis_world.client.xinfo_consumers(redis_world.stream, "engines")) == 1
        assert redis_world.client.hlen(f"{redis_world.prefix}:generations") == 1
        redis_world.pass_time(61)
        assert records(await queue.claim(3, 0)) == [1, 2, 3]


async def test_a_named_engine_leaves_no_consumers_behind(redis_world: RedisWorld) -> None:
    """However often it starts, it has one consumer, and the one that keeps what waits."""
    for _ in range(5):
        async with redis_world.open(engine_name="north") as queue:
            await queue.put(THREE)
            await queue.claim(1, 0)
    assert len(redis_world.client.xinfo_consumers(redis_world.stream, "engines")) <= 2


async def test_rights_are_settings_at_the_start_and_outages_later(server: RedisServer) -> None:
    """A user that may not is a configuration error when opening, and waited for when its rights are taken away."""
    with server.connect() as client:
        client.execute_command("ACL", "SETUSER", "worker", "on", ">secret", *RIGHTS.split())
        client.execute_command("ACL", "SETUSER", "guest", "on", ">secret", "~nothing", "+@all")
        for login in ("worker:wrong", "nobody:secret", "guest:secret"):
            with pytest.raises(ConfigError, match=r"queue\.url: Redis refuses this user .*ACL SETUSER"):
                async with open_queue(f"redis://{login}@127.0.0.1:{server.port}"):
                    pytest.fail("it cannot open")
        async with open_queue(f"redis://worker:secret@127.0.0.1:{server.port}") as queue:
            await queue.put(THREE)
            await queue.ack(await queue.claim(3, 0))
            client.execute_command("ACL", "SETUSER", "worker", "-@stream")
            with pytest.raises(UnavailableError, match="refuses this user"):
                await queue.claim(3, 0)
            client.execute_command("ACL", "SETUSER", "worker", "+@stream", "-info")
            assert not await queue.claim(3, 0)
            assert ["+info" in warning for warning in await queue.durability_warnings()] == [True]


@pytest.mark.parametrize("command", ["FLUSHALL", "KEYS *", "CONFIG GET *", "SCRIPT FLUSH", "ACL LIST", "GET other"])
def test_the_least_rights_allow_nothing_else(server: RedisServer, command: str) -> None:
    """A user with the rights that the message names can neither empty, search nor reconfigure the server."""
    with server.connect() as client:
        client.execute_command("ACL", "SETUSER", "least", "on", ">secret", *RIGHTS.split())
        client.execute_command("AUTH", "least", "secret")
        with pytest.raises(NoPermissionError):
            client.execute_command(*command.split())


async def test_servers_that_would_forget_are_named(server: RedisServer) -> None:
    """No append-only file and an evicting memory policy are one warning each, with the line that mends it."""
    async with open_queue(server.url) as queue:
        assert await queue.durability_warnings() == []
        with server.connect() as client:
            client.config_set("appendonly", "no")
            client.config_set("maxmemory", "1gb")
            client.config_set("maxmemory-policy", "allkeys-lru")
        no_file, evicting = await queue.durability_warnings()
        assert "appendonly yes" in no_file
        assert "maxmemory-policy noeviction" in evicting


@pytest.mark.parametrize("url", ["redis://127.0.0.1:port/0", "http://127.0.0.1/", "redis+sentinel://127.0.0.1:26379"])
async def test_urls_that_cannot_be(url: str) -> None:
    """They are configuration errors before anything is sent."""
    with pytest.raises(ConfigError, match=r"queue\.url"):
        async with open_queue(url):
            pytest.fail("it cannot open")


async def test_a_server_that_is_away_is_waited_for() -> None:
    """Opening says so in the engine's words, in no group."""
    with pytest.raises(UnavailableError):
        async with open_queue(f"redis://127.0.0.1:{free_port()}"):
            pytest.fail("it cannot open")


async def test_errors_of_the_body_leave_as_they_are(redis_world: RedisWorld) -> None:
    """What is raised while the queue is open is not wrapped by the loop under it."""
    with pytest.raises(UnavailableError, match="of another server"):
        async with redis_world.open():
            raise UnavailableError("of another server")


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    """`unix://` opens the same queue."""
    with RedisServer(tmp_path, {"unixsocket": "redis.sock"}):
        async with open_queue(f"unix://{tmp_path}/redis.sock") as queue:
            await _whole_way(queue)


async def test_in_a_cluster(tmp_path: Path) -> None:
    """All keys of a queue are in one slot: every script works in Redis Cluster."""
    with RedisServer(tmp_path, {"cluster-enabled": "yes", "cluster-port": str(free_port())}) as node:
        with node.connect() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        with trio.fail_after(10):
            await _in_cluster(node)


async def test_in_a_cluster_of_three(tmp_path: Path) -> None:
    """The URL may name several nodes: one that is away does no harm, and the one that has the slot is found."""
    with RedisClusterServers(tmp_path) as cluster:
        away = f"redis+cluster://127.0.0.1:{free_port()},"
        url = cluster.url.replace("redis+cluster://", away)
        async with open_queue(url) as queue:
            await _whole_way(queue)


async def _in_cluster(node: RedisServer) -> None:
    """A cluster says for its first seconds that it is down: the engine would wait and call again."""
    try:
        async with open_queue(f"redis+cluster://127.0.0.1:{node.port}") as queue:
            await _whole_way(queue)
    except UnavailableError:
        await trio.sleep(0.1)
        await _in_cluster(node)


def test_sentinels_behind_tls() -> None:
    """`rediss+sentinel://` speaks TLS to the sentinels, and to the master that they name."""
    client = make_client("rediss+sentinel://127.0.0.1:26379/botnet/1", Limits())
    assert isinstance(client, _Watched)
    for each in (client.master, *client.sentinels):
        assert isinstance(each, Redis)
        assert issubclass(each.connection_pool.connection_class, SSLConnection)


async def test_behind_sentinels(tmp_path: Path, redis_server: RedisServer) -> None:
    """`redis+sentinel://` asks the sentinels where the master is."""
    folder = tmp_path / "sentinel"
    folder.mkdir()
    watcher = RedisServer(folder)
    watcher.sentinel_config = folder / "sentinel.conf"
    watcher.sentinel_config.write_text(f"sentinel monitor botnet 127.0.0.1 {redis_server.port} 1\n")
    with watcher:
        url = f"redis+sentinel://127.0.0.1:{watcher.port}/botnet/1"
        async with open_queue(url, queue_name=tmp_path.name) as queue:
            await _whole_way(queue)


async def _whole_way(queue: RedisQueue) -> None:
    """Use every script once."""
    assert await queue.acquire("s", 30)
    assert await queue.put(THREE)
    one, two, three = await queue.claim(3, 0)
    assert await queue.renew([one, two]) == [one, two]
    await queue.ack([one])
    await queue.nack(two, 0)
    await queue.release([three])
    bad, good = await queue.claim(3, 0.1)
    await queue.dead_letter(bad, "for the sake of it")
    await queue.ack([good])
    assert not await queue.claim(3, 0.05)
    assert await queue.debt("s", mark(1), 10) == Debt(1, 0)
    assert await queue.cursor("s") == THREE.end
    await queue.resign("s")


@pytest.mark.parametrize(
    ("error", "is_waited_for"),
    [
        (ClientConnectionError("Connection refused"), True),
        (ConnectionResetError(), True),
        (OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), True),
        (ResponseError("MISCONF Redis is configured to save RDB snapshots"), True),
        (ResponseError("Error running script (call to f_1): @user_script:9: -OOM command not allowed"), True),
        (ResponseError("BUSY Redis is busy running a script"), True),
        (ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"), False),
        (ResponseError("unknown command 'XFOO'"), False),
    ],
)
def test_what_an_error_means(error: Exception, is_waited_for: bool) -> None:  # noqa: FBT001 - a table
    """What passes or can be mended is waited for; a mistake of ours is not."""
    assert (translate(error) is not None) == is_waited_for


@pytest.mark.parametrize(
    ("version", "too_old"),
    [("5.0.14", True), ("6.0.16", True), ("6.2.0", False), ("7.0.15", False), ("unknown", False)],
)
def test_which_servers_are_too_old(version: str, too_old: bool) -> None:  # noqa: FBT001 - a table
    """The queue needs what came with 6.2."""
    assert is_too_old(version) == too_old

"""The vector index over all reference images: PostgreSQL with pgvector.

Embeddings of different encoder versions never meet: each version has a partition, with a graph of its own, that a
query of another version does not enter. So a second version's index is filled while the first one answers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from services.kernel.faults import DataFault, DependencyFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

DIMENSIONS = 256

_SCHEMA = f"""
create extension if not exists vector;
create table if not exists encodings (
    encoder text not null,
    product_id text not null,
    reference_id uuid not null,
    embedding halfvec({DIMENSIONS}) not null,
    primary key (encoder, product_id, reference_id)
) partition by list (encoder);
create index if not exists encodings_nearest on encodings using hnsw (embedding halfvec_cosine_ops);
"""
#: The one table of an earlier release, without partitions.
_EARLIER = "reference_embeddings"
_LOCK = 0x1A7AC7  # any constant: two services make the table at the same time


class ReferenceIndex:
    """Nearest products by global embedding."""

    def __init__(self, dsn: str, *, connections: int = 4) -> None:
        self._pool = AsyncConnectionPool(
            dsn, min_size=1, max_size=connections, open=False, timeout=5.0, kwargs={"autocommit": True}
        )
        #: Those whose partition is there.
        self._encoders: set[str] = set()

    async def start(self) -> None:
        """Connect and make the table.

        Raises:
            DependencyFault: the database does not answer.
        """
        try:
            await self._pool.open(wait=True, timeout=60.0)
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
                await connection.execute(_SCHEMA)
                await _take_over(connection)
        except (psycopg.Error, PoolTimeout) as exc:
            msg = f"PostgreSQL cannot be prepared: {exc}"
            raise DependencyFault(msg) from exc

    async def ready(self) -> bool:
        """Whether a query is answered."""
        try:
            async with self._pool.connection(timeout=2.0) as connection:
                await connection.execute("select 1")
        except (psycopg.Error, PoolTimeout):
            return False
        return True

    async def nearest(
        self, embedding: npt.NDArray[np.float32], encoder: str, limit: int = 5
    ) -> list[tuple[str, float]]:
        """The nearest products of the whole catalogue, best first, as (product, cosine similarity).

        Raises:
            DataFault: the embedding is no vector of the index.
            DependencyFault: the database does not answer.
        """
        query = (
            "select product_id, 1 - (embedding <=> %s::halfvec) from encodings"
            " where encoder = %s order by embedding <=> %s::halfvec limit %s"
        )
        vector = _literal(embedding)
        try:
            async with self._pool.connection() as connection:
                found = await connection.execute(query, (vector, encoder, vector, limit * 6))
                rows = await found.fetchall()
        except psycopg.DataError as exc:
            msg = f"PostgreSQL refuses this embedding: {exc}"
            raise DataFault("bad_embedding", msg) from exc
        except (psycopg.Error, PoolTimeout) as exc:
            msg = f"PostgreSQL does not answer: {exc}"
            raise DependencyFault(msg) from exc
        best: dict[str, float] = {}
        for product, similarity in rows:
            best.setdefault(product, float(similarity))
        return list(best.items())[:limit]

    async def replace(
        self, encoder: str, product_id: str, references: Sequence[tuple[str, npt.NDArray[np.float32]]]
    ) -> None:
        """Make these a product's references, given as (reference id, embedding).

        Raises:
            DependencyFault: the database does not answer.
        """
        try:
            async with self._pool.connection() as connection, connection.transaction():
                if encoder not in self._encoders:
                    await _make_partition(connection, encoder)
                await connection.execute(
                    "delete from encodings where encoder = %s and product_id = %s", (encoder, product_id)
                )
                for reference_id, embedding in references:
                    await connection.execute(
                        "insert into encodings values (%s, %s, %s, %s::halfvec)",
                        (encoder, product_id, reference_id, _literal(embedding)),
                    )
        except psycopg.DataError as exc:
            msg = f"PostgreSQL refuses this embedding: {exc}"
            raise DataFault("bad_embedding", msg) from exc
        except (psycopg.Error, PoolTimeout) as exc:
            self._encoders.discard(encoder)  # another process may have dropped its partition
            msg = f"PostgreSQL does not take references: {exc}"
            raise DependencyFault(msg) from exc
        self._encoders.add(encoder)

    async def drop(self, encoder: str) -> None:
        """Forget everything that an encoder version embedded.

        Raises:
            DependencyFault: the database does not answer.
        """
        try:
            async with self._pool.connection() as connection:
                await connection.execute(sql.SQL("drop table if exists {}").format(_partition(encoder)))
        except (psycopg.Error, PoolTimeout) as exc:
            msg = f"PostgreSQL does not drop the index of {encoder}: {exc}"
            raise DependencyFault(msg) from exc
        self._encoders.discard(encoder)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()


def _partition(encoder: str) -> sql.Identifier:
    return sql.Identifier(f"encodings_{hashlib.sha256(encoder.encode()).hexdigest()[:16]}")


async def _make_partition(connection: psycopg.AsyncConnection[Any], encoder: str) -> None:
    made = sql.SQL("create table if not exists {} partition of encodings for values in ({})")
    # Several services and commands may want it at the same time; two that make it at once would fail.
    await connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
    await connection.execute(made.format(_partition(encoder), sql.Literal(encoder)))


async def _take_over(connection: psycopg.AsyncConnection[Any]) -> None:
    """Move what an earlier release kept in one table without partitions."""
    found = await connection.execute("select to_regclass(%s)", (_EARLIER,))
    if (await found.fetchone() or (None,))[0] is None:
        return
    earlier = sql.Identifier(_EARLIER)
    for (encoder,) in await (
        await connection.execute(sql.SQL("select distinct encoder from {}").format(earlier))
    ).fetchall():
        await _make_partition(connection, encoder)
    await connection.execute(sql.SQL("insert into encodings select * from {}").format(earlier))
    await connection.execute(sql.SQL("drop table {}").format(earlier))


def _literal(embedding: npt.NDArray[np.float32]) -> str:
    return "[" + ",".join(f"{x:.5g}" for x in embedding.tolist()) + "]"

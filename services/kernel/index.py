"""The vector index over all reference images: PostgreSQL with pgvector.

Embeddings of different encoder versions never meet: the version is part of the key and of every query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from services.kernel.faults import DataFault, DependencyFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

DIMENSIONS = 256

_SCHEMA = f"""
create extension if not exists vector;
create table if not exists reference_embeddings (
    encoder text not null,
    product_id text not null,
    reference_id uuid not null,
    embedding halfvec({DIMENSIONS}) not null,
    primary key (encoder, product_id, reference_id)
);
create index if not exists reference_embeddings_nearest
    on reference_embeddings using hnsw (embedding halfvec_cosine_ops);
"""
_LOCK = 0x1A7AC7  # any constant: two services make the table at the same time


class ReferenceIndex:
    """Nearest products by global embedding."""

    def __init__(self, dsn: str, *, connections: int = 4) -> None:
        self._pool = AsyncConnectionPool(
            dsn, min_size=1, max_size=connections, open=False, timeout=5.0, kwargs={"autocommit": True}
        )

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
            "select product_id, 1 - (embedding <=> %s::halfvec) from reference_embeddings"
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
                await connection.execute(
                    "delete from reference_embeddings where encoder = %s and product_id = %s",
                    (encoder, product_id),
                )
                for reference_id, embedding in references:
                    await connection.execute(
                        "insert into reference_embeddings values (%s, %s, %s, %s::halfvec)",
                        (encoder, product_id, reference_id, _literal(embedding)),
                    )
        except psycopg.DataError as exc:
            msg = f"PostgreSQL refuses this embedding: {exc}"
            raise DataFault("bad_embedding", msg) from exc
        except (psycopg.Error, PoolTimeout) as exc:
            msg = f"PostgreSQL does not take references: {exc}"
            raise DependencyFault(msg) from exc

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()


def _literal(embedding: npt.NDArray[np.float32]) -> str:
    return "[" + ",".join(f"{x:.5g}" for x in embedding.tolist()) + "]"

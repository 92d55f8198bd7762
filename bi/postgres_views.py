"""Views that people have built on the marts: they follow each swap to the new tables.

A view holds on to its tables, not to their names. Left alone it would show old figures for ever, or
be dropped with the old schema. So a load re-creates such views, in the transaction of the swap.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from bi.publication import PublishError

DEPENDENT_VIEWS = """
    select distinct view_schema.nspname, view.relname, pg_get_viewdef(view.oid)
    from pg_depend
    join pg_rewrite on pg_rewrite.oid = pg_depend.objid
    join pg_class as view on view.oid = pg_rewrite.ev_class and view.relkind = 'v'
    join pg_namespace as view_schema on view_schema.oid = view.relnamespace
    join pg_class as mart on mart.oid = pg_depend.refobjid
    join pg_namespace as mart_schema on mart_schema.oid = mart.relnamespace
    where pg_depend.classid = 'pg_rewrite'::regclass
      and mart_schema.nspname = %(schema)s and view_schema.nspname <> %(schema)s
    order by 1, 2
"""


@dataclass(frozen=True)
class View:
    """A view outside the marts that reads them; `definition` names the marts by the serving schema."""

    schema: str
    name: str
    definition: str


def views_on(connection: psycopg.Connection[tuple[object, ...]], schema: str) -> list[View]:
    """Views of other schemas that read tables of `schema`, as they are defined now (before the swap)."""
    with connection.transaction():
        # With an empty search path every name in the definition is spelled out.
        connection.execute("set local search_path = ''")
        rows = connection.execute(DEPENDENT_VIEWS, {"schema": schema}).fetchall()
        connection.execute("set local search_path to default")
    return [View(str(view_schema), str(name), str(definition)) for view_schema, name, definition in rows]


def follow_views(connection: psycopg.Connection[tuple[object, ...]], views: list[View], schema: str) -> None:
    """Point each view to the tables that now have the names it was written for; grants on it stay.

    Raises PublishError if a view does not fit the new columns.
    """
    for view in views:
        name = sql.Identifier(view.schema, view.name)
        try:
            with connection.transaction():
                connection.execute(sql.SQL("create or replace view {} as {}").format(name, sql.SQL(view.definition)))
        except psycopg.Error as error:
            said = str(error).splitlines()[0]
            raise PublishError(
                f"The files are published, but PostgreSQL was not loaded; it still has the marts it had. The view "
                f"{view.schema}.{view.name} reads schema {schema} and does not fit the new tables ({said}). "
                "Change or drop that view, then publish again."
            ) from error

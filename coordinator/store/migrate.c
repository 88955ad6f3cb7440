/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered migrations (coordinator/schema/NNNN_name.sql, compiled in), each in one transaction
 * with its digest. */
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "coordinator/store/pg.h"
#include "coordinator/store/schema_files.h"

static void connection_cleanup(PGconn **connection)
{
    PQfinish(*connection);
}

static bool check_applied(
    const struct schema_file *file, const PGresult *result, struct err *err)
{
    char hex[DIGEST_HEX];
    struct digest digest = digest_of(file->text, file->length);
    for (int row = 0; row < PQntuples(result); row++) {
        if (pg_u64(result, row, 0) == file->version
            && strcmp(pg_text(result, row, 1), digest_to_hex(&digest, hex)) != 0) {
            (void)err_set(
                err,
                ERR_CONFLICT,
                "migration %04u was applied with other content than this program's",
                file->version);
            return err_hint(
                err,
                "the database was made by a development version; make a new one or restore a backup");
        }
    }
    return true;
}

static bool apply(PGconn *connection, const struct schema_file *file, struct err *err)
{
    char hex[DIGEST_HEX];
    struct digest digest = digest_of(file->text, file->length);
    (void)digest_to_hex(&digest, hex);
    char version[16];
    (void)snprintf(version, sizeof(version), "%u", file->version);
    const char *const params[] = {version, file->name, hex};
    bool ok =
        pg_command(connection, "BEGIN", err) && pg_command(connection, file->text, err)
        && pg_run(
            connection,
            "INSERT INTO assay.schema_version (version, name, sha256) VALUES ($1::int4, $2, $3)",
            params,
            3,
            NULL,
            err)
        && pg_command(connection, "COMMIT", err);
    if (!ok) {
        struct err ignored = {0};
        (void)pg_command(
            connection, "ROLLBACK", &ignored); /* the first error is the one to tell */
        return err_wrap(err, "migration %04u (%s)", file->version, file->name);
    }
    return true;
}

static bool migrate_all(PGconn *connection, struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *result = NULL;
    if (!pg_run(
            connection,
            "SELECT version, sha256 FROM assay.schema_version ORDER BY version",
            NULL,
            0,
            &result,
            err)) {
        return false;
    }
    int applied = PQntuples(result);
    uint64_t newest = applied == 0 ? 0 : pg_u64(result, applied - 1, 0);
    if (newest > schema_files_count) {
        (void)err_set(
            err,
            ERR_CONFLICT,
            "the database has schema version %llu, this program knows up to %zu",
            (unsigned long long)newest,
            schema_files_count);
        return err_hint(err, "use the newer assay that made it");
    }
    for (size_t i = 0; i < schema_files_count; i++) {
        if (!check_applied(&schema_files[i], result, err)) {
            return false;
        }
        if (schema_files[i].version > newest && !apply(connection, &schema_files[i], err)) {
            return false;
        }
    }
    return true;
}

bool store_migrate(const char *conninfo, struct err *err)
{
    CLEANUP(connection_cleanup) PGconn *connection = NULL;
    if (!pg_connect(conninfo, "assayd-migrate", &connection, err)) {
        return false;
    }
    /* Two coordinators that start at once migrate one after the other. */
    return pg_command(
               connection,
               "SELECT pg_advisory_lock(7310579614); CREATE SCHEMA IF NOT EXISTS assay; CREATE TABLE IF NOT EXISTS "
               "assay.schema_version (version int4 PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at "
               "timestamptz NOT NULL DEFAULT now())",
               err)
           && migrate_all(connection, err);
}

bool store_grant_reader(const char *conninfo, const char *role, struct err *err)
{
    CLEANUP(connection_cleanup) PGconn *connection = NULL;
    uint8_t bytes[16];
    char secret[2 * sizeof(bytes) + 1];
    if (!pg_connect(conninfo, "assayd-grant", &connection, err)) {
        return false;
    }
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(secret + 2 * i, 3, "%02x", bytes[i]);
    }
    char *name = PQescapeIdentifier(connection, role, strlen(role));
    char *literal = PQescapeLiteral(connection, role, strlen(role));
    CLEANUP(str_done) struct str sql;
    str_init(&sql, 1 << 14);
    str_appendf(
        &sql,
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %s) THEN CREATE ROLE %s LOGIN PASSWORD '%s'; END IF;"
        " END $$; ALTER ROLE %s SET default_transaction_read_only = on; ALTER ROLE %s SET statement_timeout ="
        " '30s'; ALTER ROLE %s SET search_path = assay; GRANT USAGE ON SCHEMA assay TO %s; GRANT SELECT ON ALL TABLES IN SCHEMA"
        " assay TO %s; ALTER DEFAULT PRIVILEGES IN SCHEMA assay GRANT SELECT ON TABLES TO %s",
        literal,
        name,
        secret,
        name,
        name,
        name,
        name,
        name,
        name);
    bool ok = pg_command(connection, sql.data, err);
    PQfreemem(name);
    PQfreemem(literal);
    return ok;
}

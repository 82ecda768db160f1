"""The registry's database as the last program without migrations made it: its statements, and never our own code."""

import sqlite3
from pathlib import Path
from typing import Final

SQLITE: Final = """
CREATE TABLE meta ("key" VARCHAR(40) NOT NULL, value VARCHAR(200) NOT NULL, PRIMARY KEY ("key"));
CREATE TABLE site_versions (site VARCHAR(63) NOT NULL, version INTEGER NOT NULL, since VARCHAR(27),
  entered VARCHAR(27) NOT NULL, name VARCHAR(300) NOT NULL, kind VARCHAR(20) NOT NULL, area VARCHAR(20) NOT NULL,
  province VARCHAR(63) NOT NULL, commune VARCHAR(63) NOT NULL, village VARCHAR(63), latitude FLOAT, longitude FLOAT,
  access VARCHAR(20), provider VARCHAR(63), contract_down_mbps FLOAT, contract_up_mbps FLOAT, "plan" VARCHAR(63),
  PRIMARY KEY (site, version));
CREATE TABLE agent_versions (agent VARCHAR(63) NOT NULL, version INTEGER NOT NULL, since VARCHAR(27),
  entered VARCHAR(27) NOT NULL, site VARCHAR(63), PRIMARY KEY (agent, version));
CREATE TABLE fixed_tags (site VARCHAR(63) NOT NULL, until VARCHAR(27) NOT NULL, PRIMARY KEY (site));
CREATE TABLE waiting_agents (agent VARCHAR(63) NOT NULL, first VARCHAR(27) NOT NULL, last VARCHAR(27) NOT NULL,
  PRIMARY KEY (agent));
CREATE TABLE registry_revision (id INTEGER NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (id));
INSERT INTO meta VALUES ('schema_meta', '1'), ('schema_registry', '1');
INSERT INTO registry_revision VALUES (1, 2);
INSERT INTO site_versions VALUES ('ls-th1', 1, NULL, '2026-11-01T00:00:00.000000Z', 'Trường TH 1', 'school', 'rural',
  'lang-son', 'huu-lung', NULL, NULL, NULL, 'fibre', NULL, NULL, NULL, 'lang-son-2025');
INSERT INTO agent_versions VALUES ('a1', 1, NULL, '2026-11-01T00:00:00.000000Z', 'ls-th1');
INSERT INTO fixed_tags VALUES ('ls-th1', '2026-11-20T00:00:00.000000Z');
"""
# Made when the role judge first ran: a machine where only sites were imported lacks them.
SQLITE_INCIDENTS: Final = """
CREATE TABLE incidents (id VARCHAR(160) NOT NULL, site VARCHAR(63) NOT NULL, cause VARCHAR(20) NOT NULL,
  state VARCHAR(20) NOT NULL, opened VARCHAR(27) NOT NULL, updated VARCHAR(27) NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (id));
CREATE UNIQUE INDEX incidents_one_active ON incidents (site, cause) WHERE state != 'resolved';
CREATE INDEX incidents_newest ON incidents (site, cause, opened);
CREATE INDEX ix_incidents_updated ON incidents (updated);
CREATE TABLE incident_transitions (incident VARCHAR(160) NOT NULL, number INTEGER NOT NULL, at VARCHAR(27) NOT NULL,
  state VARCHAR(20) NOT NULL, who VARCHAR(200) NOT NULL, note TEXT, PRIMARY KEY (incident, number));
CREATE TABLE incident_outbox (id INTEGER NOT NULL, incident VARCHAR(160) NOT NULL, body TEXT NOT NULL,
  delivered VARCHAR(27), PRIMARY KEY (id));
CREATE INDEX ix_incident_outbox_delivered ON incident_outbox (delivered);
CREATE TABLE judged_until (site VARCHAR(63) NOT NULL, newest VARCHAR(27) NOT NULL, PRIMARY KEY (site));
INSERT INTO meta VALUES ('schema_incidents', '1');
INSERT INTO judged_until VALUES ('ls-th1', '2026-11-20T00:00:00.000000Z');
INSERT INTO incidents VALUES ('ls-th1.silent.20261120T000000000000Z', 'ls-th1', 'silent', 'open',
  '2026-11-20T00:00:00.000000Z', '2026-11-20T00:00:00.000000Z', '{"id":"ls-th1.silent.20261120T000000000000Z",
  "site":"ls-th1","cause":"silent","state":"open","severity":"warning","opened":"2026-11-20T00:00:00Z",
  "updated":"2026-11-20T00:00:00Z","summary":{"vi":"vi","en":"en"},"evidence":{},
  "history":[{"at":"2026-11-20T00:00:00Z","state":"open","who":"rules"}]}');
"""


def make(path: Path, *, incidents: bool) -> None:
    """Make the file of an old program, with a site, its agent, a mark, and perhaps an incident."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(SQLITE + (SQLITE_INCIDENTS if incidents else ""))
    connection.close()

-- Devices, their keys and spools. Kept here only.
CREATE TABLE enroll_tokens (
    id TEXT PRIMARY KEY,
    secret_hash BLOB NOT NULL UNIQUE,
    uses_left INTEGER,             -- NULL: any number
    created_at INTEGER NOT NULL,
    expires_at INTEGER
);
CREATE TABLE enroll_uses (token TEXT NOT NULL, device TEXT NOT NULL, PRIMARY KEY (token, device)) WITHOUT ROWID;
CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    hardware_uuid TEXT,
    serial TEXT,
    facts TEXT NOT NULL,           -- as the device told them when it last enrolled
    enrolled_at INTEGER NOT NULL,
    last_enrolled_at INTEGER NOT NULL,
    split_from TEXT,               -- the device that this one was taken for
    is_split INTEGER NOT NULL      -- another one was taken for this one
);
CREATE INDEX devices_by_uuid ON devices (hardware_uuid);
CREATE INDEX devices_by_serial ON devices (serial);
CREATE TABLE device_keys (
    id TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    secret_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    first_used_at INTEGER,
    last_used_at INTEGER,
    ends_at INTEGER,
    rotated_to TEXT,               -- ends with the first use of that key
    superseded_by TEXT,            -- that key was given to somebody who did not show this one
    reappeared_at INTEGER          -- used although that key is in use
);
CREATE INDEX device_keys_by_device ON device_keys (device);
CREATE TABLE spools (
    sender TEXT NOT NULL,
    spool BLOB NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (sender, spool)
) WITHOUT ROWID;

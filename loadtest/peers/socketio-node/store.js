// Where messages are kept: a row per message, numbered from 1 in its room without a gap.

/** Makes the tables. Nodes that start at once take turns. */
export async function migrate(pool) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock(4242)");
    await client.query(`
      CREATE TABLE IF NOT EXISTS rooms (id uuid PRIMARY KEY, seq bigint NOT NULL) WITH (fillfactor = 50);
      CREATE TABLE IF NOT EXISTS messages (
        room uuid NOT NULL,
        seq bigint NOT NULL,
        message_id uuid NOT NULL,
        sender text NOT NULL,
        client_id text NOT NULL,
        created_at timestamptz NOT NULL,
        body jsonb NOT NULL,
        PRIMARY KEY (room, seq),
        UNIQUE (room, sender, client_id)
      )`);
    await client.query("COMMIT");
  } finally {
    client.release();
  }
}

// One statement is one transaction and one way to the server and back.
const INSERT = {
  name: "insert",
  text: `
    WITH head AS (
      INSERT INTO rooms (id, seq) VALUES ($1, 1)
      ON CONFLICT (id) DO UPDATE SET seq = rooms.seq + 1
      RETURNING seq
    )
    INSERT INTO messages (room, seq, message_id, sender, client_id, created_at, body)
    SELECT $1, head.seq, $2, $3, $4, $5, $6 FROM head
    RETURNING seq`,
};

const FIND = {
  name: "find",
  text: "SELECT seq, message_id, created_at FROM messages WHERE room = $1 AND sender = $2 AND client_id = $3",
};

const UNIQUE_VIOLATION = "23505";

/** Stores a message and says what became of it; one that is there already keeps its first place. */
export async function store(pool, { room, message_id, sender, client_id, created_at, body }) {
  try {
    const values = [room, message_id, sender, client_id, created_at, body];
    const { rows } = await pool.query({ ...INSERT, values });
    return { seq: Number(rows[0].seq), message_id, created_at, duplicate: false };
  } catch (error) {
    if (error.code !== UNIQUE_VIOLATION) throw error;
    const { rows } = await pool.query({ ...FIND, values: [room, sender, client_id] });
    return { ...rows[0], seq: Number(rows[0].seq), duplicate: true };
  }
}

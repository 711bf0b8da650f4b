/** Stores: memory, and IndexedDB. */

import type { StorageTrouble, Store, Table } from "./api.js";

const TABLES: readonly Table[] = ["outbox", "rooms", "messages", "people", "meta"];
const VERSION = 1;

/** Lives as long as the page. */
export function memoryStore(): Store {
  const tables = new Map<Table, Map<string, unknown>>();
  const table = (name: Table) => {
    const rows = tables.get(name) ?? new Map<string, unknown>();
    tables.set(name, rows);
    return rows;
  };
  return {
    list: async (name, prefix = "") =>
      [...table(name)]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    put: async (name, key, value) => void table(name).set(key, structuredClone(value)),
    delete: async (name, key) => void table(name).delete(key),
    clear: async () => tables.clear(),
  };
}

/**
 * IndexedDB, one database of this name. It opens lazily, and again after the browser closed it (another tab
 * upgrades or deletes it). A database of a newer version of this library is left alone: every call fails with
 * a `VersionError`, and the client goes on in memory.
 */
export function indexedDbStore(name: string): Store {
  let opening: Promise<IDBDatabase> | undefined;

  const open = (): Promise<IDBDatabase> => {
    opening ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name, VERSION);
      request.onupgradeneeded = () => {
        const { objectStoreNames } = request.result;
        for (const table of TABLES) {
          if (!objectStoreNames.contains(table)) request.result.createObjectStore(table);
        }
      };
      request.onsuccess = () => {
        const db = request.result;
        const gone = () => {
          db.close();
          opening = undefined;
        };
        db.onversionchange = gone;
        db.onclose = gone;
        resolve(db);
      };
      request.onerror = () => reject(request.error);
      request.onblocked = () => reject(new DOMException("blocked by another tab", "AbortError"));
    });
    opening.catch(() => (opening = undefined));
    return opening;
  };

  /** One transaction; resolves when it is complete, which is when its rows are safe. */
  const run = async <T>(
    tables: Table | readonly Table[],
    mode: IDBTransactionMode,
    work: (transaction: IDBTransaction) => IDBRequest<T>,
  ): Promise<T> => {
    const db = await open();
    return new Promise<T>((resolve, reject) => {
      const transaction = db.transaction(tables as Table[], mode);
      const request = work(transaction);
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? request.error);
      // The page may end in the next moment: do not wait for the event loop to notice the end.
      transaction.commit();
    });
  };

  return {
    async list(table, prefix = "") {
      const range = prefix ? IDBKeyRange.bound(prefix, `${prefix}\uffff`) : null;
      let keys: IDBRequest<IDBValidKey[]> | undefined;
      const values = await run(table, "readonly", (transaction) => {
        keys = transaction.objectStore(table).getAllKeys(range);
        return transaction.objectStore(table).getAll(range) as IDBRequest<unknown[]>;
      });
      return (keys?.result ?? []).map((key, at) => [String(key), values[at]] as const);
    },
    async put(table, key, value) {
      await run(table, "readwrite", (transaction) =>
        transaction.objectStore(table).put(value, key),
      );
    },
    async delete(table, key) {
      await run(table, "readwrite", (transaction) => transaction.objectStore(table).delete(key));
    },
    async clear() {
      await run(TABLES, "readwrite", (transaction) => {
        const requests = TABLES.map((table) => transaction.objectStore(table).clear());
        return requests[0] as IDBRequest<undefined>;
      });
    },
    close() {
      opening?.then(
        (db) => db.close(),
        () => {},
      );
      opening = undefined;
    },
  };
}

/** What is wrong with the store, for people to read. */
export function trouble(error: unknown): StorageTrouble {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  const kinds: Record<string, [StorageTrouble["kind"], string]> = {
    QuotaExceededError: ["full", "the browser's storage is full"],
    VersionError: ["newer_version", "another tab runs a newer version; reload this one"],
    SecurityError: ["denied", "the browser denies storage"],
    InvalidStateError: ["denied", "the browser denies storage"],
  };
  const [kind, message] = kinds[name] ?? ["failed", "the browser's storage failed"];
  return { kind, message: `${message}; unsent messages are lost when this page closes` };
}

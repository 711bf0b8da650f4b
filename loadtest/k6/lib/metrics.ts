// What every scenario measures, by name. Times are in milliseconds.

import { Counter, Trend } from 'k6/metrics';

/** From the first attempt to the welcome. */
export const connectMs = new Trend('hubbub_connect_ms', true);
/** From the moment a message was due to its ack: a server that stalls cannot hide it. */
export const sendAckMs = new Trend('hubbub_send_ack_ms', true);
/** From the moment a message was due to each member's receiving it. Needs one clock: see the README. */
export const sendDeliverMs = new Trend('hubbub_send_deliver_ms', true);
/** From the end of a connection to the next welcome. */
export const absentMs = new Trend('hubbub_absent_ms', true);
/** How often each client had to come back, one sample per client. */
export const reconnectsPerClient = new Trend('hubbub_reconnects_per_client');

/** Connections that ended and had to be made again. */
export const reconnects = new Counter('hubbub_reconnects');
export const sent = new Counter('hubbub_sent');
export const acked = new Counter('hubbub_acked');
/** Messages given to somebody. */
export const delivered = new Counter('hubbub_delivered');
/** Refused for speed or for an outage, and sent again under the same id. */
export const resent = new Counter('hubbub_resent');
/** Refused for good. */
export const refused = new Counter('hubbub_refused');
/** Not acknowledged when the run was over. */
export const unacked = new Counter('hubbub_unacked');
/** Acknowledged or in the room, and never given to a client that should have it. */
export const lost = new Counter('hubbub_lost');
/** Given although something before it was missing. */
export const outOfOrder = new Counter('hubbub_out_of_order');
/** Given twice. */
export const duplicated = new Counter('hubbub_duplicated');
/** Stood elsewhere than its ack said. */
export const misplaced = new Counter('hubbub_misplaced');
/** A view that was too old and began anew: allowed, but not in a run without outages. */
export const resets = new Counter('hubbub_resets');
/** Attempts to connect that came to nothing, and were repeated. */
export const attemptsFailed = new Counter('hubbub_attempts_failed');
/** Connections ended with a code that says not to come back. */
export const dismissed = new Counter('hubbub_dismissed');
/** Clients that went through the whole run and were judged. Less than all: the run proves nothing. */
export const judged = new Counter('hubbub_clients_judged');

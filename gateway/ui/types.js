// The shapes of the API's answers that the screen uses, for `tsc`. No code: what a field means is told by /openapi.json.

/** @typedef {{id: string, name: string}} Ref */
/** @typedef {{kind: 'agent'|'contact'|'rule'|'system'|'connector', id: string|null, name: string|null}} Actor */
/** @typedef {{kind: 'available'|'away'|'away_for', status?: string}} Availability */
/** @typedef {{default_availability: Availability, language: 'en'|'fr'|null, theme: 'system'|'light'|'dark', desktop_notifications: boolean, show_audit_trail: boolean}} Preferences */
/** @typedef {{agent: Ref & {login: string}, roles: string[], permissions: string[], availability: Availability, preferences: Preferences, teams: Ref[], rights: {sees: string, may_order: boolean, may_filter: boolean}, unread_notifications: number, workspace: {name: string}, settings: Object<string, any>}} Me */

/** @typedef {'new'|'pending'|'resolved'} QueueName */
/** @typedef {{total: number, unassigned: number, mine: number}} QueueCount */
/** @typedef {{new: QueueCount, pending: QueueCount, resolved: QueueCount, position?: string}} Counts */
/** @typedef {{channel?: string, team?: string, assignee?: string, topic?: string, text?: string, order?: string}} Filters */

/** @typedef {{id: string, name: string|null, handle: string|null, forgotten: boolean, blocked: boolean}} ContactRef */
/** @typedef {{id: string, name: string, kind: string, visibility: 'public'|'private'}} ChannelRef */
/** @typedef {{metric: string, due_at: string, warn_at: string, state: 'grey'|'orange'|'red'}} Sla */
/** @typedef {{agent: Ref|null, team: Ref|null}} Assignee */
/** @typedef {{id: string, direction: 'in'|'out', kind: string, preview: string|null, at: string, masked: boolean}} LastMessage */
/**
 * One line of a queue.
 * @typedef {object} Row
 * @property {string} id
 * @property {QueueName} queue
 * @property {ContactRef} contact
 * @property {ChannelRef} channel
 * @property {Ref[]} topics
 * @property {Assignee} assignee
 * @property {Ref|null} lock
 * @property {number} priority
 * @property {string|null} waiting_since
 * @property {string} updated_at
 * @property {LastMessage|null} last_message
 * @property {number} unanswered
 * @property {Sla|null} [sla]
 * @property {number} version
 */

/** @typedef {{id: string, name: string|null, media_type: string|null, size_bytes: number|null, url: string|null, masked: boolean}} Attachment */
/** @typedef {{kind: 'plain'|'to'|'quoting', message?: string}} ReplyMode */
/**
 * A message, in or out.
 * @typedef {object} Message
 * @property {'message'} type
 * @property {string} id
 * @property {'in'|'out'} direction
 * @property {string} kind
 * @property {Actor} sender
 * @property {string} at
 * @property {string} recorded_at
 * @property {string|null} link
 * @property {string|null} text
 * @property {{by: Actor|null, at: string|null}|null} masked
 * @property {boolean} liked
 * @property {number} redacted
 * @property {ReplyMode|null} mode
 * @property {string|null} answers
 * @property {{id: string, sender: Actor, at: string, text: string|null, masked: boolean}|null} quoted
 * @property {Attachment[]} attachments
 * @property {{state: 'pending'|'accepted'|'failed', cause?: string, at: string}|null} delivery
 */
/** @typedef {{type: 'note', id: string, author: Actor, at: string, edited_at: string|null, text: string|null, on: string|null, masked: {by: Actor|null, at: string|null}|null}} Note */
/** @typedef {Message|Note} Entry */
/** @typedef {ChannelRef & {active: boolean, reply_characters_max: number|null}} ReplyChannel */
/** @typedef {{id: string, started_at: string, channel: ChannelRef, queue: QueueName}} Earlier */
/**
 * A conversation as it is opened.
 * @typedef {object} Conversation
 * @property {string} id
 * @property {number} version
 * @property {QueueName} queue
 * @property {ContactRef} contact
 * @property {ChannelRef} channel
 * @property {'public'|'private'} visibility
 * @property {Ref[]} topics
 * @property {Ref[]} groups
 * @property {Assignee} assignee
 * @property {Ref|null} lock
 * @property {number} priority
 * @property {boolean} blocked
 * @property {string|null} pended_until
 * @property {string|null} resolve_reason
 * @property {string} started_at
 * @property {string|null} previous
 * @property {Earlier[]} earlier
 * @property {Entry[]} entries
 * @property {Object<string, boolean>} may
 * @property {ReplyChannel[]} reply_channels
 * @property {string} position
 */
/** @typedef {{kind: string, value: any, name: string|null}} Value */
/** @typedef {{field: string, before: Value|null, after: Value|null}} Change */
/** @typedef {{position: string, event_id: string, at: string, recorded_at: string, actor: Actor, action: string, object: {kind: string, id: string|null, name: string|null}, details: Change[], cause: string|null, correlation: string|null, bulk: string|null, command: string|null}} AuditEntry */
/** @typedef {{queue: QueueName, pended_until: string|null, agent: Ref|null, team: Ref|null, lock: Ref|null, topics: Ref[], priority: number, blocked: boolean, messages: number, masked: number, notes: number, breaches: number}} ReplayState */
/** @typedef {{position: string, version: number, event_id: string, at: string, recorded_at: string, actor: Actor, action: string, said: {text: string|null, masked: boolean, attachments: number}|null, state: ReplayState}} ReplayStep */
/** @typedef {{key: string, label: string, kind: string, system: boolean, value: string|null, set_at: string|null, set_by: Actor|null}} Attribute */
/** @typedef {{id: string, name: string|null, handle: string|null, channel: ChannelRef, forgotten: boolean, blocked: boolean, first_seen_at: string, attributes: Attribute[], groups: Ref[], conversations: Row[]}} Contact */
/** @typedef {Ref & {login: string, roles: string[], availability: Availability, since: string|null, signed_in: boolean, teams: Ref[], open_conversations: number}} Agent */
/** @typedef {{position: string, at: string, kind: string, conversation: string, by: Actor, read: boolean}} Notice */
/** @typedef {{id: string, title: string, text: string}} SavedReply */
/** @typedef {{id: string, name: string, owner: {kind: 'agent'|'team', id: string, name: string}, mine: boolean, editable: boolean, replies: SavedReply[]}} Collection */
/** @typedef {{channels: ChannelRef[], teams: Ref[], topics: Ref[], groups: Ref[], away: Ref[], attributes: {key: string, label: string, kind: string, system: boolean}[], agents: Agent[]}} Reference */

export {};
/** @typedef {{bulk: string, total: number, lines: {conversation: string, outcome: string}[], cancelled: boolean, ended: boolean}} BulkProgress */
/** @typedef {{signed_in: boolean, availability: Availability|null, seconds: number}} StateTime */
/** @typedef {{conversation: string, metric: string, policy: string, channel: string|null, team: string|null, warned_at: string|null, due_at: string|null, colour: 'grey'|'orange'|'red', left_s: number|null, contact: ContactRef|null, assignee: Assignee|null, queue: QueueName|null}} SlaClock */
/** @typedef {{breached: number, due_soon: number}} SlaStandings */
/** @typedef {{now: string, counted_max: number, queues: {new: SlaStandings, pending: SlaStandings}|null, channels: (SlaStandings & {channel: string})[], teams: (SlaStandings & {team: string})[], policies: (SlaStandings & {policy: string, name: string})[]}} SlaSummary */
/** @typedef {{channel: string, team: string|null, policy: string, metric: string, kept: number, breached: number}} SlaTally */

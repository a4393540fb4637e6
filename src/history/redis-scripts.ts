import type { RedisScript } from "../redis/index.ts";

/**
 * How far offsets jump when Redis has been started again, or another server has taken over.
 *
 * It may have lost the last offsets that it gave; nobody can have been given more than these since it
 * last wrote anything down.
 */
const JUMP = 1_048_576;

/**
 * What every script begins with: the group's epoch, begun if there is none, and offset.
 *
 * KEYS[1]  the group (hash: `epoch`; `offset` of the last entry; `run`, the run id of the server that
 *          wrote it)
 * KEYS[2]  its entries (stream by offset: `m` the message; `x` when it is too old, in milliseconds; `p`
 *          the offset of the entry before it)
 * ARGV[1]  an epoch, should one be needed
 * ARGV[2]  for how many milliseconds the epoch is kept
 */
const OPEN = `
local function text(number) return string.format("%.0f", number) end
local function run_id() return string.match(redis.call("INFO", "server"), "run_id:(%w+)") end
local function clock()
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local meta = redis.call("HMGET", KEYS[1], "epoch", "offset", "run")
local epoch, offset, run = meta[1], tonumber(meta[2]), meta[3]
if not epoch then
  epoch, offset, run = ARGV[1], 0, run_id()
  redis.call("HSET", KEYS[1], "epoch", epoch, "offset", "0", "run", run)
  redis.call("DEL", KEYS[2])
end
redis.call("PEXPIRE", KEYS[1], ARGV[2])
`;

/**
 * Adds a message to a group, and publishes it with its position, in one step.
 *
 * KEYS     as above; KEYS[3] the channel where it is published
 * ARGV[3]  the message
 * ARGV[4]  how many entries are kept
 * ARGV[5]  for how many milliseconds
 * ARGV[6]  PUBLISH, or SPUBLISH on a cluster
 * returns  the epoch, the offset
 */
export const APPEND: RedisScript = {
  source: `${OPEN}
local current, previous = run_id(), offset
if run ~= current then offset = offset + ${JUMP} end
offset = offset + 1
redis.call("XADD", KEYS[2], "MAXLEN", ARGV[4], text(offset) .. "-0",
  "m", ARGV[3], "x", text(clock() + ARGV[5]), "p", text(previous))
redis.call("PEXPIRE", KEYS[2], ARGV[5])
redis.call("HSET", KEYS[1], "offset", text(offset), "run", current)
redis.call(ARGV[6], KEYS[3], epoch .. "." .. text(offset) .. "." .. ARGV[3])
return {epoch, text(offset)}
`,
};

/** Returns the epoch and the offset of a group. KEYS and ARGV as above. */
export const POSITION: RedisScript = { source: `${OPEN} return {epoch, text(offset)}` };

/**
 * Returns what came after a position, or why it cannot.
 *
 * ARGV[3]  the epoch of the position
 * ARGV[4]  its offset
 * ARGV[5]  how many entries are returned at most
 * returns  `recovered` or the reason of a reset; the epoch, the offset that this leads to; and for each
 *          entry its offset and message
 */
export const SINCE: RedisScript = {
  source: `${OPEN}
local asked, limit = tonumber(ARGV[4]), tonumber(ARGV[5])
local function reset(reason) return {reason, epoch, text(offset)} end
if ARGV[3] ~= epoch then return reset("epoch-changed") end
if asked > offset then
  -- It was given, and lost, before this server was started: what comes next is beyond it.
  if run ~= run_id() and asked <= offset + ${JUMP} then return {"recovered", epoch, ARGV[4]} end
  return reset("epoch-changed")
end
local entries = redis.call("XRANGE", KEYS[2], text(asked + 1), "+", "COUNT", limit + 1)
local first = entries[1] and entries[1][2]
if first and (tonumber(first[4]) <= clock() or tonumber(first[6]) > asked) then first = nil end
if asked < offset and not first then return reset("evicted") end
if #entries > limit then return reset("too-far") end
local reply = {"recovered", epoch, text(offset)}
for _, entry in ipairs(entries) do
  reply[#reply + 1] = string.match(entry[1], "^%d+")
  reply[#reply + 1] = entry[2][2]
end
return reply
`,
};

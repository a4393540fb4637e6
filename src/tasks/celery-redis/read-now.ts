/** Lua that sets `now` in ms: what an argument says, as in tests, or the clock of Redis if it is "". */
export function readNow(argument: string): string {
  return `local now = tonumber(${argument})
if not now then
  local time = redis.call("TIME")
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end`;
}

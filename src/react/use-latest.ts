import { useEffect, useRef, type RefObject } from "react";

/** What a component was given last, for those who ask for it later: functions may be new at every render. */
export function useLatest<TValue>(value: TValue): RefObject<TValue> {
  const latest = useRef(value);
  useEffect(() => void (latest.current = value));
  return latest;
}

import { parentPort, workerData } from "node:worker_threads";

const limit: number = workerData;
const CHUNKS = 50;

let count = 0;
for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
  const from = Math.floor((limit / CHUNKS) * chunk);
  const to = chunk === CHUNKS - 1 ? limit : Math.floor((limit / CHUNKS) * (chunk + 1));
  for (let number = from; number < to; number += 1) if (isPrime(number)) count += 1;
  parentPort?.postMessage({ count, done: to });
}

/** By trial, on purpose: the point is to be busy. */
function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor += divisor === 2 ? 1 : 2) {
    if (number % divisor === 0) return false;
  }
  return true;
}

"""multiprocessing and concurrent.futures: pools, queues, locks, shared memory, by fork and by spawn."""

import concurrent.futures, multiprocessing
from multiprocessing import shared_memory


def square(n):
    return n * n


def count(counter, lock, queue, times):
    for _ in range(times):
        with lock:
            counter.value += 1
    queue.put("done")


def fill(name):
    memory = shared_memory.SharedMemory(name=name)
    memory.buf[:4] = b"full"
    memory.close()


def main():
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        with context.Pool(3) as pool:
            assert pool.map(square, range(50)) == [n * n for n in range(50)]
        counter, lock, queue = context.Value("i", 0), context.Lock(), context.Queue()
        workers = [
            context.Process(target=count, args=(counter, lock, queue, 200)) for _ in range(3)
        ]
        for worker in workers:
            worker.start()
        assert [queue.get(timeout=50) for _ in workers] == ["done"] * 3
        for worker in workers:
            worker.join()
        assert counter.value == 600 and all(worker.exitcode == 0 for worker in workers)
        memory = shared_memory.SharedMemory(create=True, size=1 << 16)
        worker = context.Process(target=fill, args=(memory.name,))
        worker.start()
        worker.join()
        assert bytes(memory.buf[:4]) == b"full"
        memory.close()
        memory.unlink()
        with concurrent.futures.ProcessPoolExecutor(3, mp_context=context) as pool:
            assert sum(pool.map(square, range(20), chunksize=5)) == 2470


if __name__ == "__main__":
    main()

"""subprocess, asyncio and signals of children."""

import asyncio, os, signal, subprocess, sys

assert subprocess.run(["ls", "run.py"], stdout=subprocess.PIPE, check=True).stdout == b"run.py\n"
assert subprocess.check_output("echo $((6 * 7)) | cat", shell=True) == b"42\n"
assert subprocess.run(["/bin/cat"], input=b"in", stdout=subprocess.PIPE).stdout == b"in"
code = "import sys; print(sys.version_info[0]); sys.exit(4)"
ran = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
assert (ran.stdout, ran.returncode) == (b"3\n", 4), ran
try:
    subprocess.run(["/bin/sleep", "100"], timeout=0.2)
except subprocess.TimeoutExpired:
    pass
else:
    raise AssertionError


async def several():
    async def echo(word):
        process = await asyncio.create_subprocess_exec(
            "/bin/echo", word, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return out.decode().strip()

    words = await asyncio.gather(*map(echo, "abc"))
    shell = await asyncio.create_subprocess_shell("exit 5")
    loop = asyncio.get_running_loop()
    number = await loop.run_in_executor(None, lambda: 7)
    return words, await shell.wait(), number


assert asyncio.run(several()) == (["a", "b", "c"], 5, 7)
process = subprocess.Popen(["/bin/sleep", "100"])
process.send_signal(signal.SIGTERM)
assert process.wait() == -signal.SIGTERM

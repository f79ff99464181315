"""Compiled C programs on all cores: teams, barriers, transfers, marked regions, and what is reported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bittrue.errors import BadInput
from bittrue.targets.gap9.simulate import Cluster, write_trace
from bittrue.targets.gap9.simulate.build import GCC_PROGRAM
from gap9.cluster_programs import c_program, compiled, run_c

TEAM = """
static PI_L1 int sums[8], total;
static void member(void *arg)
{
    int core = (int)pi_core_id(), *factor = arg;
    BT_REGION_ENTER(7);
    for (int turn = 0; turn < 10 * (core + 1); turn++)
        ((volatile int *)sums)[core] += *factor * turn;
    BT_REGION_LEAVE(7);
    pi_cl_team_barrier();
    for (int other = 0; other < 8; other++)
        if (sums[other] != *factor * (10 * (other + 1)) * (10 * (other + 1) - 1) / 2)
            printf("core %d sees a wrong sum of core %d\\n", core, other);
    for (int turn = 0; turn < 50; turn++) {
        pi_cl_team_critical_enter();
        total = total + 1;
        pi_cl_team_critical_exit();
    }
}
static void cluster(void *arg)
{
    static int factor = 3;
    (void)arg;
    pi_cl_team_fork(8, member, &factor);
    printf("total %d, cores %u, %5d|%05d|%x|%s|%c\\n", total, (unsigned)pi_core_id(), -42, -42, 0xbeefu, "text", 'z');
    pi_cl_team_fork(3, member, &factor);
    result = total;
}
"""


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_teams_barriers_and_mutexes(compiler: str) -> None:
    """Every member sees all sums after the barrier; the counter loses nothing; a smaller team works too."""
    if compiler == "gcc" and shutil.which(GCC_PROGRAM) is None:
        pytest.skip(f"no {GCC_PROGRAM}")
    _, result = run_c(TEAM, compiler=compiler)
    assert result.traps == ()
    lines = result.stdout.splitlines()
    assert lines[0] == "total 400, cores 8,   -42|-0042|beef|text|z"
    assert {line.split()[1] for line in lines[1:]} <= {"0", "1", "2"}
    assert result.exit_code == 400 + 150


def test_regions_and_timeline(tmp_path: Path) -> None:
    """Regions count each core's own work; the same program again gives the same counts and the same timeline."""
    results = [c_program(TEAM).run(10**7, {7: "sums"}) for _ in range(2)]
    assert results[0] == results[1]
    region = results[0].region(7)
    assert (region.name, [core.core for core in region.cores]) == ("sums", list(range(8)))
    instructions = [core.instructions for core in region.cores]
    assert instructions[3] < instructions[4] < instructions[7]
    assert (region.entries, region.cycles) == (2, max(core.cycles for core in region.cores))
    write_trace(results[0].timeline, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert sum(event["name"] == "sums" for event in spans) == 8 + 3
    assert {"barrier", "wait for work", "wait for event"} <= {event["name"] for event in spans}
    assert all(event["dur"] > 0 for event in spans)


TRANSFERS = """
static PI_L1 uint8_t near[8192], other[8192];
static uint8_t far[64 * 1024];
static unsigned took[8];
static __attribute__((noinline)) void copy(unsigned size, unsigned place)
{
    unsigned begin, issued, done, id, status;
    __asm__ volatile(".balign 64; csrr %0, mcycle; lw %3, 0(%5); sw %6, 0(%5); sw %7, 0(%5); sw %8, 0(%5);"
                     "csrr %1, mcycle; 1: lw %4, 4(%5); bnez %4, 1b; csrr %2, mcycle"
                     : "=&r"(begin), "=&r"(issued), "=&r"(done), "=&r"(id), "=&r"(status)
                     : "r"(0x10204400), "r"(size | 3u << 17), "r"(near), "r"(far) : "memory");
    took[place] = done - begin;
    took[7] = issued - begin;
    BT_DMA_STATUS = 1u << id;
}
static void cluster(void *arg)
{
    pi_cl_dma_cmd_t in, out;
    (void)arg;
    for (int index = 0; index < 8192; index++)
        far[index] = (uint8_t)(index * 7 + index / 256);
    for (int round = 0; round < 2; round++) {
        copy(32, 0);
        copy(1024, 1);
        copy(8192, 2);
    }
    /* 5 lines of 11 bytes, 100 bytes apart. */
    pi_cl_dma_cmd_2d((uint32_t)far + 3, (uint32_t)other + 1, 55, 100, 11, PI_CL_DMA_DIR_EXT2LOC, &in);
    pi_cl_dma_cmd_wait(&in);
    for (int index = 0; index < 55; index++)
        if (other[1 + index] != far[3 + index / 11 * 100 + index % 11])
            result++;
    pi_cl_dma_cmd_2d((uint32_t)far + 20000, (uint32_t)other + 1, 55, 64, 11, PI_CL_DMA_DIR_LOC2EXT, &out);
    pi_cl_dma_cmd_wait(&out);
    for (int index = 0; index < 55; index++)
        if (far[20000 + index / 11 * 64 + index % 11] != other[1 + index])
            result++;
    for (int both = 0; both < 2; both++) {
        unsigned begin = bt_cycles();
        pi_cl_dma_cmd((uint32_t)far, (uint32_t)near, 4096, PI_CL_DMA_DIR_EXT2LOC, &in);
        if (both)
            pi_cl_dma_cmd((uint32_t)far + 30000, (uint32_t)other, 4096, PI_CL_DMA_DIR_LOC2EXT, &out);
        pi_cl_dma_cmd_wait(&in);
        took[3 + both] = bt_cycles() - begin;
        if (both)
            pi_cl_dma_cmd_wait(&out);
    }
    pi_cl_ram_req_t request;
    pi_cl_ram_write(NULL, 1000, far, 4096, &request);
    pi_cl_ram_write_wait(&request);
    unsigned begin = bt_cycles();
    pi_cl_ram_read(NULL, 2000, far + 40000, 2048, &request);
    pi_cl_ram_read_wait(&request);
    took[5] = bt_cycles() - begin;
    result += memcmp(far + 40000, far + 1000, 2048) != 0;
    for (int index = 0; index < 8; index++)
        printf("%u ", took[index]);
}
"""


def test_transfers() -> None:
    """The notes: issue 5 cycles, to the end 18, 144 and 1038 for 32, 1024 and 8192 bytes; directions are independent.

    Ours are within a turn of the loop that polls (5 cycles). L3 takes a cycle a byte, and 13 to begin.
    """
    cluster, result = run_c(TRANSFERS)
    assert (result.traps, result.exit_code) == ((), 0)
    took = [int(text) for text in result.stdout.split()]
    assert took[7] == 5
    assert all(abs(found - noted) <= 3 for found, noted in zip(took, (18, 144, 1038), strict=False))
    assert abs(took[4] - took[3]) < 100, "the second command is issued, but its bytes do not delay the first one's"
    assert 2048 + 13 <= took[5] <= 2048 + 13 + 250
    far = cluster.symbols["far"]
    assert cluster.read_l3(1000, 4096) == cluster.read_memory(far, 4096)
    tracks = {entry.track for entry in result.timeline}
    assert {"L2 to L1", "L1 to L2", "L2 to L3", "L3 to L2"} <= tracks


FABRIC = """
#include "bsp/ram.h"
static char text[32] = "from L2 to L3 and back again", back[32];
int main(void)
{
    pi_ram_write(NULL, 64, text, 32);
    pi_ram_read(NULL, 68, back, 28);
    return strcmp(back, text + 4);
}
"""


def test_the_fabric_controller_reaches_l3() -> None:
    """It sleeps while 32 and 28 bytes move, each a cycle a byte and 13 before."""
    cluster = Cluster(compiled(FABRIC))
    result = cluster.run(10**5)
    assert (result.exit_code, result.traps) == (0, ())
    assert [entry.cycles for entry in result.timeline if "L3" in entry.track] == [32 + 13, 28 + 13]
    assert cluster.read_l3(64, 11) == b"from L2 to "


BARRIER = """
PI_L1 volatile unsigned times[2][8];
static void member(void *arg)
{
    unsigned core = pi_core_id(), begin = 0, end = 0;
    (void)arg;
    for (int round = 0; round < 3; round++) {
        for (volatile unsigned turn = 0; turn < 20 * (core ^ 5); turn++)
            ;
        unsigned address = BT_BARRIER_WAIT_CLEAR(BT_TEAM);
        __asm__ volatile(".balign 16\\n\\tcsrr %0, mcycle\\n\\t.insn i 0x03, 6, x0, %2, 0\\n\\tcsrr %1, mcycle"
                         : "=&r"(begin), "=r"(end) : "r"(address) : "memory");
    }
    times[0][core] = begin;
    times[1][core] = end;
}
static void cluster(void *arg)
{
    pi_cl_team_fork(8, member, arg);
}
"""


def test_barrier_opens_six_cycles_after_the_last_arrival() -> None:
    """mcycle is read one cycle before the barrier's instruction, and as the first one after it."""
    cluster, result = run_c(BARRIER)
    assert result.exit_code == 0
    times = [[int.from_bytes(cluster.read_memory(cluster.symbols["times"] + 32 * which + 4 * core, 4), "little")
              for core in range(8)] for which in range(2)]
    assert times[1] == [max(times[0]) + 1 + 6] * 8


FAULTS = """
volatile int choice = 99;
static volatile int number;
static int deep(volatile int *a) { volatile int b[64]; b[0] = *a; return b[0] ? deep(b) + b[1] : 1; }
static void one(void *a) { (void)a; if (pi_core_id()) pi_cl_team_barrier(); }
static void deaf(void *a) { (void)a; *(volatile unsigned *)0x10204004 = 1 << 18; }
static void mute(void *a) { (void)a; *(volatile unsigned *)0x10204004 = 1 << 16; }
static void stubborn(void *a)
{
    (void)a;
    *(volatile unsigned *)0x10204004 = 1 << 17;
    pi_cl_team_critical_enter();
    pi_cl_team_critical_exit();
}
static void cluster(void *a)
{
    pi_cl_dma_cmd_t c;
    pi_cl_ram_req_t r;
    (void)a;
    number = 1;
    switch (choice) {
    case 0: result = *(volatile int *)0x10020000; break;
    case 1: *(volatile int *)0 = result; break;
    case 2: result = deep(&number); break;
    case 3: pi_cl_dma_cmd(0x1c010000, 0x1001fff8, 16, PI_CL_DMA_DIR_EXT2LOC, &c); break;
    case 4: pi_cl_ram_read(0, 0, (void *)0x1c010002, 8, &r); break;
    case 5: ((void (*)(void))&number)(); break;
    case 6: __asm__ volatile("ebreak"); break;
    case 7: *(volatile int *)&cluster = 0; break;
    case 8: *(volatile int *)0x10202000 = 1; break;
    case 9: __asm__ volatile(".word 0xffffffff"); break;
    case 10: __asm__ volatile("csrw 0x123, x0"); break;
    case 11: for (;;) number++;
    case 12: pi_cl_team_fork(4, one, NULL); break;
    case 14: pi_cl_team_fork(8, deaf, NULL); pi_cl_team_fork(8, deaf, NULL); break;
    case 15: pi_cl_team_fork(8, stubborn, NULL); break;
    case 16: pi_cl_team_fork(8, mute, NULL); pi_cl_team_fork(8, mute, NULL); break;
    case 13: pi_cl_dma_cmd_2d(0x1c17fff0, 0x10000000, 64, 32, 16, PI_CL_DMA_DIR_EXT2LOC, &c); break;
    }
}
"""


@pytest.mark.parametrize(("choice", "code", "where"), [
    (0, "BT5502", "cluster controller at 0x1c"), (1, "BT5502", "test.c:"), (2, "BT5503", "deep, test.c:"),
    (3, "BT5504", "cluster, test.c:"), (4, "BT5505", "transfers.c:"), (5, "BT5506", "cluster, test.c:"),
    (6, "BT5507", "test.c:"), (7, "BT5508", "test.c:"), (8, "BT5509", "test.c:"), (9, "BT5501", "test.c:"),
    (10, "BT5501", "test.c:"), (11, "BT5511", "cluster controller cluster, test.c:"), (12, "BT5512", "core 3"),
    (13, "BT5504", "cluster, test.c:"), (14, "BT5512", "core 3"), (15, "BT5512", "core 3"),
    (16, "BT5512", "core 3")],
    ids=["after L1", "null", "stack", "DMA", "L3", "jump", "ebreak", "code", "register", "instruction", "CSR", "budget",
         "asleep", "DMA lines", "dispatch masked", "mutex masked",
         "barrier masked"])
def test_traps_say_where(choice: int, code: str, where: str) -> None:
    """The report has the code of what happened, and the core, the function or the line where it did."""
    cluster = c_program(FAULTS)
    cluster.write_memory(cluster.symbols["choice"], bytes([choice, 0, 0, 0]))
    result = cluster.run(300_000)
    assert [trap.code for trap in result.traps] == [code]
    assert where in result.traps[0].where
    assert result.exit_code is None


def test_guards_catch_what_no_buffer_holds() -> None:
    """One word after a buffer in L1."""
    text = """
PI_L1 int buffer[16];
static void cluster(void *a) { for (int i = 0; i < (a ? 16 : 17); i++) ((volatile int *)buffer)[i] = i; result = 0; }
"""
    cluster = c_program(text)
    cluster.guard([(cluster.symbols["buffer"] + 64, 4)])
    result = cluster.run(10**6)
    assert [trap.code for trap in result.traps] == ["BT5510"]
    assert f"0x{cluster.symbols['buffer'] + 64:08x}" in result.traps[0].why


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "x.elf").write_bytes(b"no")
    with pytest.raises(BadInput, match="BT5500"):
        Cluster(tmp_path / "x.elf")


WATCHED = """
PI_L1 static __attribute__((aligned(8))) unsigned char buffer[32];
volatile int choice = 99, place = 99;
static void work(void *arg)
{
    volatile unsigned char *byte = buffer + place;
    (void)arg;
    BT_MARK(7);
    switch (choice) {
    case 0: *byte = 1; break;
    case 1: *(volatile unsigned *)byte = 1; break;
    case 2: (void)*byte; break;
    case 3: (void)*(volatile unsigned *)byte; break;
    }
}
static void cluster(void *arg) { pi_cl_team_fork(1, work, arg); }
"""
ACCESSES = ("write byte", "write word", "read byte", "read word")


@pytest.mark.parametrize(("access", "at", "traps"), [
    ("write byte", 12, False), ("write byte", 11, True), ("write byte", 17, False), ("write byte", 18, True),
    ("write byte", 4, True), ("write word", 12, False), ("write word", 16, True), ("read word", 16, False),
    ("read word", 4, False), ("read byte", 8, True), ("read byte", 20, True), ("read byte", 0, True)])
def test_watched_memory(access: str, at: int, traps: bool) -> None:
    """Readable are bytes 4 to 7, writable 12 to 17: bytes are written, words are read."""
    cluster = c_program(WATCHED)
    for name, value in (("choice", ACCESSES.index(access)), ("place", at)):
        cluster.write_memory(cluster.symbols[name], bytes([value, 0, 0, 0]))
    place, marks = cluster.symbols["buffer"], []

    def watch(number: int) -> None:
        marks.append(number)
        cluster.allow(place, place + 32, [(place + 4, 4)], [(place + 12, 6)])

    result = cluster.run(10**6, {}, watch)
    assert marks == [7]
    assert [trap.code for trap in result.traps] == (["BT5510"] if traps else [])

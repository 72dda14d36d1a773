/* A stand-in for the NVIDIA driver's library: the functions that energyprof calls, over GPUs whose true power is known.
 *
 * Everything it knows lies in one file, the world, which nvml_world.py writes and both map into memory: the GPUs, the
 * true power of each as steps over CLOCK_MONOTONIC, the habits of their sensors, and the faults they are to have. The
 * layout below is repeated there. A sensor updates at phase + n * period; an update shows the world as it was `lag`
 * earlier: the energy up to then, or the mean power of the window before, both integrated exactly over the steps.
 *
 * Compile with -DOLD_DRIVER for a driver before energy counters and fields, -DANCIENT_DRIVER for one without
 * nvmlInitWithFlags. Function names and types: nvml.h of the CUDA toolkit.
 */
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { GPUS = 16, MIGS = 8, STEPS = 8192, FAULTS = 64, PROCESSES = 16, CALLS = 32, TEXT = 96, SAMPLES = 120 };
enum call { INIT, SHUTDOWN, COUNT, HANDLE, NAME, UUID, ARCHITECTURE, ENERGY, USAGE, FIELDS, INSTANT, AVERAGE, MODULE,
            BUFFER, LIMIT, SET_LIMIT, CLOCKS, TEMPERATURE, UTILIZATION, PROCESS, MIG };
enum kind { FAIL, SPIKE, FREEZE, RESTART };
enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
       DRIVER_NOT_LOADED = 9 };

typedef struct { int64_t t_ns; double watts, joules; } step; /* joules: spent up to t_ns */
typedef struct { int64_t steps; step at[STEPS]; } truth;
typedef struct { int64_t works, period_ns, phase_ns, window_ns, lag_ns, response_ns; double quantum, gain; } sensor;
typedef struct { int64_t gpu, call, kind, code, from_ns, to_ns, delay_ns; double value; } fault;
typedef struct { int64_t pid, sm, mem, is_running; } process;
typedef struct {
    char name[TEXT], uuid[TEXT], mig_uuid[MIGS][TEXT];
    int64_t architecture, major, minor, migs, counter_start;
    int64_t limit_mw, most_mw, sm_mhz, mem_mhz, temperature_c, utilization, processes;
    process process[PROCESSES];
    sensor counter, instant, average, usage, buffer, module;
    truth power, rest; /* rest: what the module draws beside the GPU */
} gpu;
typedef struct {
    int64_t size, fake_ns, wall_offset_ns, gpus, faults, calls[CALLS];
    fault fault[FAULTS];
    gpu gpu[GPUS];
} world;

static world *w;
static int64_t users;

/* Map the world; the environment names it unless a test in this process does. */
int standin_use(const char *path) {
    if (w) munmap(w, sizeof *w);
    w = NULL;
    users = 0;
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return 1;
    void *at = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (at == MAP_FAILED) return 1;
    w = at;
    return w->size == (int64_t)sizeof *w ? 0 : 2;
}

static int64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t now_ns(void) { return w->fake_ns >= 0 ? w->fake_ns : clock_ns(CLOCK_MONOTONIC); }

static int64_t wall_offset_ns(void) {
    return w->fake_ns >= 0 ? w->wall_offset_ns : clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}

/* Let time pass, asleep, or where `delay_ns` is negative at work: a call may cost CPU time. */
static void pass_time(int64_t delay_ns) {
    if (w->fake_ns >= 0) w->fake_ns += llabs(delay_ns);
    else if (delay_ns < 0)
        for (int64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) - delay_ns; clock_ns(CLOCK_THREAD_CPUTIME_ID) < until;);
    else nanosleep(&(struct timespec){delay_ns / 1000000000, delay_ns % 1000000000}, NULL);
}

static fault *fault_of(int kind, int call, int index, int64_t t_ns) {
    for (int64_t i = 0; i < w->faults; i++) {
        fault *f = &w->fault[i];
        if (f->kind == kind && f->call == call && (f->gpu == index || f->gpu < 0 || index < 0) && f->from_ns <= t_ns &&
            t_ns < f->to_ns)
            return f;
    }
    return NULL;
}

/* Count a call, take the time it takes, and return what it is to return. */
static int enter(int call, int index) {
    if (!w) return DRIVER_NOT_LOADED;
    __atomic_add_fetch(&w->calls[call], 1, __ATOMIC_RELAXED);
    if (call != INIT && users <= 0) return UNINITIALIZED;
    fault *f = fault_of(FAIL, call, index, now_ns());
    if (!f) return SUCCESS;
    if (f->delay_ns) pass_time(f->delay_ns);
    return (int)f->code;
}

/* --- the truth and the sensors ----------------------------------------------------------------------------------- */

static int64_t row_at(const truth *p, int64_t t_ns) {
    int64_t low = -1, high = __atomic_load_n(&p->steps, __ATOMIC_ACQUIRE);
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;
        if (p->at[middle].t_ns <= t_ns) low = middle;
        else high = middle;
    }
    return low;
}

static double joules_at(const truth *p, int64_t t_ns) {
    int64_t row = row_at(p, t_ns);
    return row < 0 ? 0.0 : p->at[row].joules + p->at[row].watts * (double)(t_ns - p->at[row].t_ns) * 1e-9;
}

static double mean_w(const truth *p, int64_t end_ns, int64_t window_ns) {
    if (window_ns > 0) return (joules_at(p, end_ns) - joules_at(p, end_ns - window_ns)) / ((double)window_ns * 1e-9);
    int64_t row = row_at(p, end_ns);
    return row < 0 ? 0.0 : p->at[row].watts;
}

/* The answer of a first-order filter to the power, exact over its steps; what was 40 time constants ago is forgotten. */
static double filtered_w(const truth *p, int64_t t_ns, int64_t response_ns) {
    int64_t row = row_at(p, t_ns - 40 * response_ns), last = row_at(p, t_ns);
    double y = row < 0 ? 0.0 : p->at[row].watts;
    for (int64_t i = row < 0 ? 0 : row; i <= last; i++) {
        int64_t end_ns = i < last ? p->at[i + 1].t_ns : t_ns;
        y = p->at[i].watts + (y - p->at[i].watts) * exp(-(double)(end_ns - p->at[i].t_ns) / (double)response_ns);
    }
    return y;
}

static int64_t update_ns(const sensor *s, int64_t t_ns) {
    int64_t since = (t_ns - s->phase_ns) % s->period_ns;
    return t_ns - (since < 0 ? since + s->period_ns : since);
}

static double shown_w(const sensor *s, const truth *p, int64_t update) {
    int64_t seen_ns = update - s->lag_ns;
    return s->response_ns ? filtered_w(p, seen_ns, s->response_ns) : mean_w(p, seen_ns, s->window_ns);
}

static uint64_t quantised(const sensor *s, double value) {
    return (uint64_t)(floor(value * s->gain / s->quantum + 1e-6) * s->quantum);
}

/* Power in milliwatts as a sensor shows it; `rest` is added where the sensor measures the module. */
static uint64_t power_mw(const sensor *s, const gpu *g, int module, int call, int index, int64_t update) {
    fault *spike = fault_of(SPIKE, call, index, now_ns());
    if (spike) return (uint64_t)spike->value;
    double watts = shown_w(s, &g->power, update) + (module ? shown_w(s, &g->rest, update) : 0.0);
    return quantised(s, watts * 1000.0 + s->quantum / 2);
}

#ifndef OLD_DRIVER
static uint64_t energy_mj(const gpu *g, int index) {
    const sensor *s = &g->counter;
    int64_t t = now_ns(), seen_ns = update_ns(s, t) - s->lag_ns;
    fault *spike = fault_of(SPIKE, ENERGY, index, t);
    if (spike) return (uint64_t)spike->value;
    int64_t update = seen_ns + s->lag_ns;
    double joules = joules_at(&g->power, seen_ns), start_mj = (double)g->counter_start;
    for (int64_t i = 0; i < w->faults; i++) {
        fault *f = &w->fault[i];
        if (f->call != ENERGY || (f->gpu != index && f->gpu >= 0) || f->from_ns > update) continue;
        if (f->kind == FREEZE) { /* from update to update; what flowed meanwhile is never counted */
            int64_t from = update_ns(s, f->from_ns), to = update < f->to_ns ? update : update_ns(s, f->to_ns);
            joules -= joules_at(&g->power, to - s->lag_ns) - joules_at(&g->power, from - s->lag_ns);
        }
        if (f->kind == RESTART) joules = fmax(joules_at(&g->power, seen_ns) - joules_at(&g->power, f->from_ns), 0), start_mj = 0;
    }
    return (uint64_t)start_mj + quantised(s, joules * 1000.0);
}
#endif

/* --- handles: index + 1, and above them the MIG instance + 1 ------------------------------------------------------- */

static int index_of(const void *device) { return (int)((uintptr_t)device & 0xff) - 1; }
static int mig_of(const void *device) { return (int)((uintptr_t)device >> 8) - 1; }
static void *handle(int index, int mig) { return (void *)(uintptr_t)((index + 1) | (mig + 1) << 8); }

#define ENTER(call)                                                                                                    \
    int status = enter(call, index_of(device));                                                                        \
    if (status) return status;                                                                                         \
    int index = index_of(device);                                                                                      \
    if (index < 0 || index >= w->gpus) return INVALID_ARGUMENT;                                                        \
    gpu *g = &w->gpu[index];                                                                                           \
    (void)g

#ifndef ANCIENT_DRIVER
int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    if (!w) standin_use(getenv("NVML_WORLD"));
    int status = enter(INIT, -1);
    if (!status) users++;
    return status;
}
#endif

int nvmlShutdown(void) {
    int status = enter(SHUTDOWN, -1);
    if (!status) users--;
    return status;
}

const char *nvmlErrorString(int code) { return code == SUCCESS ? "Success" : "an error of the stand-in"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    int status = enter(COUNT, -1);
    if (!status) *count = (unsigned)w->gpus;
    return status;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned at, void **device) {
    int status = enter(HANDLE, (int)at);
    if (status) return status;
    if (at >= w->gpus) return INVALID_ARGUMENT;
    *device = handle((int)at, -1);
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    ENTER(NAME);
    if (length < strlen(g->name) + 1) return INSUFFICIENT_SIZE;
    strcpy(name, g->name);
    return SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length) {
    ENTER(UUID);
    const char *own = mig_of(device) < 0 ? g->uuid : g->mig_uuid[mig_of(device)];
    if (length < strlen(own) + 1) return INSUFFICIENT_SIZE;
    strcpy(uuid, own);
    return SUCCESS;
}

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    ENTER(ARCHITECTURE);
    *major = (int)g->major, *minor = (int)g->minor;
    return SUCCESS;
}

/* --- MIG ----------------------------------------------------------------------------------------------------------- */

#ifndef OLD_DRIVER
int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
    ENTER(MIG);
    if (g->major < 8) return NOT_SUPPORTED;
    *current = *pending = g->migs > 0;
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *count) {
    ENTER(MIG);
    *count = g->migs > 0 ? MIGS : 0;
    return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned at, void **mig) {
    ENTER(MIG);
    if (at >= g->migs) return NOT_FOUND;
    *mig = handle(index, (int)at);
    return SUCCESS;
}

/* --- energy and power ---------------------------------------------------------------------------------------------- */

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy) {
    ENTER(ENERGY);
    if (!g->counter.works || mig_of(device) >= 0) return NOT_SUPPORTED;
    *energy = energy_mj(g, index);
    return SUCCESS;
}
#endif

int nvmlDeviceGetPowerUsage(void *device, unsigned *power) {
    ENTER(USAGE);
    if (!g->usage.works || mig_of(device) >= 0) return NOT_SUPPORTED;
    *power = (unsigned)power_mw(&g->usage, g, 0, USAGE, index, update_ns(&g->usage, now_ns()));
    return SUCCESS;
}

typedef struct {
    uint32_t id, scope;
    int64_t timestamp, latency;
    uint32_t type, status;
    union { double d; unsigned u; unsigned long long ull; } value;
} field;

#ifndef OLD_DRIVER
int nvmlDeviceGetFieldValues(void *device, int count, field *values) {
    ENTER(FIELDS);
    for (int i = 0; i < count; i++) {
        field *f = &values[i];
        int module = f->scope == 1, call = f->id == 186 ? INSTANT : AVERAGE;
        const sensor *s = module ? &g->module : f->id == 186 ? &g->instant : &g->average;
        int known = (f->id == 186 || f->id == 185) && f->scope < 2 && s->works && mig_of(device) < 0;
        f->status = known ? (uint32_t)enter(module ? MODULE : call, index) : NOT_SUPPORTED;
        f->type = 1;
        f->timestamp = now_ns() / 1000;
        f->value.ull = 0;
        if (!f->status) f->value.u = (unsigned)power_mw(s, g, module, module ? MODULE : call, index, update_ns(s, now_ns()));
    }
    return SUCCESS;
}
#endif

typedef struct { unsigned long long timestamp; union { double d; unsigned u; unsigned long long ull; } value; } sample;

int nvmlDeviceGetSamples(void *device, int type, unsigned long long seen_us, int *value_type, unsigned *count, sample *into) {
    ENTER(BUFFER);
    if (!g->buffer.works || type != 0) return NOT_SUPPORTED;
    int64_t offset_ns = wall_offset_ns(), last = update_ns(&g->buffer, now_ns()), room = SAMPLES, found = 0;
    if (into && *count < room) room = *count;
    *value_type = 1;
    for (int64_t n = SAMPLES - 1; n >= 0; n--) {
        int64_t update = last - n * g->buffer.period_ns;
        unsigned long long at_us = (unsigned long long)((update + offset_ns) / 1000);
        if (at_us <= seen_us || update < g->power.at[0].t_ns || found >= room) continue;
        if (into) into[found].timestamp = at_us, into[found].value.u = (unsigned)power_mw(&g->buffer, g, 0, BUFFER, index, update);
        found++;
    }
    *count = (unsigned)found;
    return found ? SUCCESS : NOT_FOUND;
}

/* --- facts and processes ------------------------------------------------------------------------------------------- */

int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *limit) {
    ENTER(LIMIT);
    if (!g->limit_mw) return NOT_SUPPORTED;
    *limit = (unsigned)g->limit_mw;
    return SUCCESS;
}

int nvmlDeviceGetPowerManagementLimitConstraints(void *device, unsigned *least, unsigned *most) {
    ENTER(LIMIT);
    if (!g->most_mw) return NOT_SUPPORTED;
    *least = (unsigned)g->most_mw / 4, *most = (unsigned)g->most_mw;
    return SUCCESS;
}

int nvmlDeviceGetPowerManagementLimit(void *device, unsigned *limit) { return nvmlDeviceGetEnforcedPowerLimit(device, limit); }

/* Whole watts, as boards have it; what it does to the power is up to the programs of the tests. */
int nvmlDeviceSetPowerManagementLimit(void *device, unsigned limit) {
    ENTER(SET_LIMIT);
    if (limit < g->most_mw / 4 || limit > g->most_mw) return INVALID_ARGUMENT;
    g->limit_mw = limit / 1000 * 1000;
    return SUCCESS;
}

int nvmlDeviceGetClockInfo(void *device, int type, unsigned *clock) {
    ENTER(CLOCKS);
    if (type != 1 && type != 2) return INVALID_ARGUMENT;
    *clock = (unsigned)(type == 1 ? g->sm_mhz : g->mem_mhz);
    return SUCCESS;
}

int nvmlDeviceGetTemperature(void *device, int where, unsigned *temperature) {
    ENTER(TEMPERATURE);
    if (where) return INVALID_ARGUMENT;
    *temperature = (unsigned)g->temperature_c;
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(void *device, unsigned rates[2]) {
    ENTER(UTILIZATION);
    rates[0] = (unsigned)g->utilization, rates[1] = 0;
    return SUCCESS;
}

typedef struct { unsigned pid; unsigned long long timestamp; unsigned sm, mem, enc, dec; } use;

int nvmlDeviceGetProcessUtilization(void *device, use *into, unsigned *count, unsigned long long seen_us) {
    ENTER(PROCESS);
    /* The driver keeps a sample of each process for about every second. */
    int64_t at_ns = now_ns() / 1000000000 * 1000000000;
    unsigned long long at_us = (unsigned long long)((at_ns + wall_offset_ns()) / 1000);
    unsigned found = at_us > seen_us ? (unsigned)g->processes : 0;
    if (!into || *count < found) {
        *count = found;
        return found ? INSUFFICIENT_SIZE : NOT_FOUND;
    }
    for (unsigned i = 0; i < found; i++)
        into[i] = (use){(unsigned)g->process[i].pid, at_us, (unsigned)g->process[i].sm, (unsigned)g->process[i].mem, 0, 0};
    *count = found;
    return SUCCESS;
}

typedef struct { unsigned pid; unsigned long long memory; unsigned instance, compute; } running;

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, running *into) {
    ENTER(PROCESS);
    unsigned found = 0, room = into ? *count : 0;
    for (int64_t i = 0; i < g->processes; i++)
        if (g->process[i].is_running) {
            if (found < room) into[found] = (running){(unsigned)g->process[i].pid, 1 << 20, 0xffffffff, 0xffffffff};
            found++;
        }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : SUCCESS;
}

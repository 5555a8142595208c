// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include "engine.h"
#include "space.h"
#include "trace.h"
static const struct vt_kind k[]={{"gap","x"}};
static int r(struct vt_thread *t){ while (vt_go(t)) { vt_op(t->run); vt_look(t->run,0,true); if (vt_busted(t->run,0)) vt_race(t->run,0,NULL,1,2,3,"x"); } return 0; }
static int st(struct vt_run *run){ return PTR_ERR_OR_ZERO(vt_spawn(run,"r",0,r,NULL)); }
static void sp(struct vt_run *run){}
const struct vt_scenario map_fixed_torture = { .name="map_fixed", .kinds=k, .nr_kinds=1, .needs=VT_NEED_SPACE, .start=st, .stop=sp };

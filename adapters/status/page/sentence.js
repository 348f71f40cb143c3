// The one sentence: what limits throughput. The engine words it in English; the Chinese is found by its case.

import { language, phrase } from "./language.js";

const CHINESE = {
  starting: "引擎正在等待各服务器就绪。",
  "nothing-waits": "没有瓶颈：采集源已有的记录全部入库。",
  "database-away": "数据库没有应答：一切都在等它。",
  "look-up-away": "地址查询没有应答：一切都在等它。",
  "queue-away": "队列没有应答：一切都在等它。",
  "source-away": "没有一个采集源应答（{source}）：恢复之前无事可做。",
  "engine-computing":
    "瓶颈是引擎本身：它让一个 CPU 核心 {percent}% 的时间都在计算，而且只能用一个核心。在同一队列上再启动一个引擎（python -m engine worker）即可用上另一个核心。",
  "engine-transactions":
    "瓶颈是引擎本身：它让一个 CPU 核心 {percent}% 的时间都在计算，因为每个事务至多 {size} 条记录。事务越大，次数越少。",
  "engine-batches":
    "瓶颈是引擎本身：它让一个 CPU 核心 {percent}% 的时间都在计算，因为每个批次至多 {size} 条记录。批次越大，次数越少。",
  "engine-pulls":
    "瓶颈是引擎本身：它让一个 CPU 核心 {percent}% 的时间都在计算，因为每次从 {source} 至多拉取 {size} 条记录。每次拉取更多，次数就更少。",
  "database-small": "工作单元 {percent}% 的时间在写入：数据库每个事务至多提交 {size} 条记录。事务越大越快。",
  "database-busy": "工作单元 {percent}% 的时间在写入：瓶颈是数据库。工作单元多于 {workers} 个可以更充分地利用它，直到它自己饱和。",
  "database-single": "工作单元 {percent}% 的时间在写入：SQLite 文件同一时刻只接受一个事务。MySQL 或 MariaDB 可以同时接受多个。",
  "database-full": "全部 {workers} 个工作单元 {percent}% 的时间在写入：数据库已到极限，需要更快的机器或磁盘。",
  "look-up-cache": "工作单元 {percent}% 的时间在查询地址，而缓存已满，命中率只有 {hits}%。更大的缓存命中更多。",
  "look-up-busy": "工作单元 {percent}% 的时间在查询地址。如果每次查询都要等待，提高并发查询数会有帮助。",
  "queue-settling": "工作单元 {percent}% 的时间在告知队列哪些已完成。批次大于 {size} 条记录，次数就更少。",
  "queue-claiming": "队列中有 {batches} 批，而工作单元在等待：队列分发太慢。批次大于 {size} 条记录，次数就更少。",
  "queue-full": "队列已满，而本引擎没有工作单元：需要其他引擎来处理（python -m engine worker）。",
  "queue-storing": "存放 {source} 送来的记录占用 {percent}% 的时间：瓶颈是队列。批次大于 {size} 条记录，次数就更少。",
  "source-slow": "从 {source} 拉取占用 {percent}% 的时间，其余环节都在等它：采集源给不了更多。",
  "source-small": "从 {source} 拉取占用 {percent}% 的时间，每次 {size} 条。每次拉取更多，次数就更少。",
};

export function sentence({ case: which, sentence: english, values }) {
  const isKnown = language() === "zh" && Object.hasOwn(CHINESE, which);
  return isKnown ? phrase(CHINESE[which], values) : english;
}

// The one sentence: what limits throughput. The engine words it in English; the Chinese is found by its case.

import { language, phrase } from "./language.js";

const CHINESE = {
  starting: "引擎正在等待各服务器就绪。",
  "nothing-waits": "没有瓶颈：采集源中已有的记录均已入库。",
  "database-away": "数据库没有应答：一切都在等它。",
  "look-up-away": "地址查询没有应答：一切都在等它。",
  "queue-away": "队列没有应答：一切都在等它。",
  "source-away": "所有采集源均无应答（{source}）：恢复之前无事可做。",
  "engine-computing":
    "瓶颈是引擎本身：它的计算占用了一个 CPU 核心的 {percent}%，而且最多只能用一个核心。在同一队列上再启动一个引擎（python -m engine worker）即可用上另一个核心。",
  "engine-transactions":
    "瓶颈是引擎本身：它的计算占用了一个 CPU 核心的 {percent}%，因为每个事务至多 {size} 条记录。事务越大，次数越少。",
  "engine-batches":
    "瓶颈是引擎本身：它的计算占用了一个 CPU 核心的 {percent}%，因为每个批次至多 {size} 条记录。批次越大，次数越少。",
  "engine-pulls":
    "瓶颈是引擎本身：它的计算占用了一个 CPU 核心的 {percent}%，因为每次从 {source} 至多拉取 {size} 条记录。每次拉取更多，次数就会减少。",
  "database-small": "工作协程 {percent}% 的时间在写入：数据库每个事务至多提交 {size} 条记录。事务越大越快。",
  "database-busy": "工作协程 {percent}% 的时间在写入：瓶颈是数据库。工作协程多于 {workers} 个可以更充分地利用它，直到它自己饱和。",
  "database-single": "工作协程 {percent}% 的时间在写入：SQLite 文件同一时刻只接受一个事务。MySQL 或 MariaDB 可以同时接受多个。",
  "database-full": "全部 {workers} 个工作协程 {percent}% 的时间在写入：数据库已到极限，需要更快的机器或磁盘。",
  "database-allowed":
    "允许同时写入的 {workers} 个工作协程 {percent}% 的时间在写入：瓶颈是数据库。如果数据库在远处或还有空闲核心，增加同时写入数会有帮助；否则需要更快的机器或磁盘。",
  "look-up-cache": "工作协程 {percent}% 的时间在查询地址，而缓存已满，命中率只有 {hits}%。缓存越大，命中越多。",
  "look-up-busy": "工作协程 {percent}% 的时间在查询地址。如果每次查询都要等待，提高并发查询数会有帮助。",
  "queue-settling": "工作协程 {percent}% 的时间在向队列确认出队。批次加大到 {size} 条记录以上，次数就会减少。",
  "queue-claiming": "队列中积压了 {batches} 个批次，工作协程却在等待：队列分发太慢。批次加大到 {size} 条记录以上，次数就会减少。",
  "queue-full": "队列已满，而本引擎没有工作协程：需要其他引擎来处理（python -m engine worker）。",
  "queue-storing": "将 {source} 的记录入队占用了 {percent}% 的时间：瓶颈是队列。批次加大到 {size} 条记录以上，次数就会减少。",
  "source-slow": "从 {source} 拉取占用 {percent}% 的时间，其余环节都在等它：采集源已无法更快。",
  "source-small": "从 {source} 拉取占用 {percent}% 的时间，每次 {size} 条。每次拉取更多，次数就会减少。",
};

export function sentence({ case: which, sentence: english, values }) {
  const isKnown = language() === "zh" && Object.hasOwn(CHINESE, which);
  return isKnown ? phrase(CHINESE[which], values) : english;
}

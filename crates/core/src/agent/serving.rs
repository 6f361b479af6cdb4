//! Links that send tasks on, and cores that execute them.

use super::{Agent, Job, Output};

impl Agent {
    /// Queues a task that is here complete.
    pub(super) fn queue(&mut self, now_s: f64, job: Job) {
        let key = self.next_key;
        self.next_key += 1;
        match job.path.first() {
            Some(&row) => {
                let takes_s = self.link(row).transmission_s(job.data_bits);
                let place = self.place(row);
                self.links[place].join(key, now_s, takes_s);
            }
            None => match &self.world.queues {
                Some(queues) => {
                    let takes_s = job.cycles / queues.core_hz[self.row as usize];
                    self.cores.join(key, now_s, takes_s);
                }
                None => return self.share(now_s, key, job),
            },
        }
        self.jobs.insert(key, job);
        self.serve(now_s);
    }

    /// Executes a task at once with the share of the CPU that the centre has given it.
    fn share(&mut self, now_s: f64, key: u64, mut job: Job) {
        let takes_s = job.cycles / job.cpu_hz;
        job.spent.compute_s += takes_s;
        let idle = self.on_core.iter().position(Option::is_none);
        let core = idle.unwrap_or_else(|| {
            self.on_core.push(None);
            self.on_core.len() - 1
        });
        let end_s = now_s + takes_s;
        self.on_core[core] = Some((key, end_s));
        self.outputs.push_back(Output::Compute {
            core,
            job: job.clone(),
            begin_s: now_s,
            end_s,
        });
        self.jobs.insert(key, job);
    }

    /// Begins whatever can begin on links and cores.
    pub(super) fn serve(&mut self, now_s: f64) {
        for place in 0..self.links.len() {
            while let Some(begun) = self.links[place].begin(now_s) {
                let job = self.jobs.get_mut(&begun.key).expect("it waits");
                job.spent.wait_s += begun.begin_s - begun.came_s;
                job.spent.transmission_s += begun.end_s - begun.begin_s;
                job.spent.hops += 1;
                let link = job.path.remove(0);
                self.on_link[place] = Some(begun.key);
                self.outputs.push_back(Output::Transmit {
                    link,
                    job: job.clone(),
                    begin_s: begun.begin_s,
                    end_s: begun.end_s,
                });
            }
        }
        while let Some(begun) = self.cores.begin(now_s) {
            let job = self.jobs.get_mut(&begun.key).expect("it waits");
            job.spent.wait_s += begun.begin_s - begun.came_s;
            job.spent.compute_s += begun.end_s - begun.begin_s;
            self.on_core[begun.server] = Some((begun.key, begun.end_s));
            self.outputs.push_back(Output::Compute {
                core: begun.server,
                job: job.clone(),
                begin_s: begun.begin_s,
                end_s: begun.end_s,
            });
        }
    }
}

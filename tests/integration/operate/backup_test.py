"""`rookeryctl backup` while clients write, and a server that is started on the copy: what was acknowledged before is there."""

from operate_case import PASSWORD, OperateTest, RookeryServer, run, unittest  # first: it says where the others are

import os
import shutil
import stat

BODY = "<message to='romeo@localhost' type='chat' id='m%d'><body>%d</body></message>"


class BackupTest(OperateTest):
    def folder(self, name="backup"):
        return os.path.join(self.server.folder, name)

    def restored(self, folder):
        """Another server, on what the backup holds."""
        server = RookeryServer()
        self.addCleanup(server.close)
        shutil.rmtree(server.data_dir)
        shutil.copytree(folder, server.data_dir)
        server.start()
        return server

    def test_a_restored_server_has_accounts_rosters_and_all_acknowledged_messages(self):
        for user in ("romeo", "juliet"):
            self.server.add_account(user, PASSWORD)

        async def write():
            juliet = self.client("juliet")
            await juliet.connect()
            await juliet.enable_sm()
            answer = await juliet.iq("set", "<query xmlns='jabber:iq:roster'><item jid='nurse@localhost' name='Nurse'/></query>")
            self.assertEqual(answer.get("type"), "result")
            for number in range(50):
                juliet.send(BODY % (number, number))
            await juliet.settled()
            for number in range(50, 100):  # under way while the copy is made: they may be in it or not
                juliet.send(BODY % (number, number))
            self.server.ctl("backup", self.folder())
            await juliet.settled()
            for number in range(100, 110):  # afterwards: they must not be, or it was no moment
                juliet.send(BODY % (number, number))
            await juliet.settled()
            await juliet.close()
        run(write())
        self.server.stop()
        copy = self.restored(self.folder())

        async def read():
            romeo = self.client("romeo", endpoint=copy.endpoint)
            await romeo.connect()
            romeo.send("<presence/>")
            bodies = []
            while not bodies or bodies[-1] < 49:
                message = await romeo.receive_where(lambda e: e.name == "message")
                bodies.append(int(message.find("body").text))
            await romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>")
            bodies += [int(e.find("body").text) for e in romeo.inbox if e.name == "message"]
            self.assertEqual(bodies, list(range(len(bodies))))
            self.assertTrue(50 <= len(bodies) <= 100, len(bodies))
            juliet = self.client("juliet", endpoint=copy.endpoint)
            await juliet.connect()
            roster = await juliet.iq("get", "<query xmlns='jabber:iq:roster'/>")
            self.assertEqual([item.get("name") for item in roster.find("query").children], ["Nurse"])
            # It goes on from there.
            juliet.send("<presence/>")
            juliet.send(BODY % (500, 500))
            await romeo.receive_where(lambda e: e.name == "message" and e.find("body").text == "500")
        run(read())

    def test_only_the_servers_user_can_read_the_copy(self):
        said = self.server.ctl("backup", self.folder())
        self.assertIn("not copied: uploaded files, in %s/uploads" % self.server.data_dir, said)
        for name, mode in (("", 0o700), ("rookery.sqlite", 0o600)):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.folder(), name)).st_mode), mode, name)

    def test_nothing_is_overwritten_and_a_failed_copy_leaves_nothing(self):
        os.mkdir(self.folder())
        for folder, reason in ((self.folder(), "File exists"), ("backup", "from the root"), (self.folder("a/b"), "No such file")):
            with self.assertRaisesRegex(Exception, reason):
                self.server.ctl("backup", folder)
        self.assertEqual(os.listdir(self.folder()), [])


if __name__ == "__main__":
    unittest.main()

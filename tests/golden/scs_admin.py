"""Steps of the operator: accounts with fixed names, for scripts whose own server names them in its configuration, and invitations."""

from scs_match import expand
from scs_steps import step

PASSWORD = "correct horse battery staple"


class AdminSteps:
    @step(r"account (\w+) is called (\S+)")
    async def declare_named_account(self, name, user):
        self.accounts.add(name)
        self.server.add_account(user, PASSWORD)
        self.names.update({name: "%s@%s" % (user, self.server.domain), name + ".user": user, name + ".password": PASSWORD})

    @step(r"the operator invites somebody(?: with (.+?))? as (\w+)")
    async def invite(self, options, name):
        """The token of `rookeryctl invite OPTIONS` is {NAME} from now on."""
        printed = self.server.ctl("invite", *(expand(word, self.names) for word in (options or "").split()))
        link = next(line for line in printed.splitlines() if line.startswith("xmpp:"))
        self.names[name] = link.split(";preauth=")[1].split(";")[0]

    @step(r"the operator deletes (\w+)")
    async def delete(self, name):
        self.server.ctl("account", "delete", self.names[name])

    @step(r"the operator revokes (\w+)")
    async def revoke(self, name):
        self.server.ctl("invite", "revoke", "https://localhost/invite/" + self.names[name])

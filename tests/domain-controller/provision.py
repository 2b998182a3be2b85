"""An empty domain for the tests: the files of its first controller.

In: a directory, and Samba's own library. Out: `corp.example.com` alias `CORP` there,
whose passwords may be anything and never grow old. Never: a server, or anything
outside that directory. scripts/domain-controller runs it.
"""

import logging
import sys

from samba.auth import system_session
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2
from samba.param import LoadParm
from samba.provision import provision

# As tests/src/domain_controller/content.rs has it.
# The first password must be none that is easily guessed.
ADMIN_PASSWORD = "Admin-of-the-domain-1"
# The lowest number, for intervals count downwards: never.
NEVER = "-9223372036854775808"

logging.basicConfig(stream=sys.stderr, level=logging.ERROR)
made = provision(
    logging.getLogger(),
    system_session(),
    targetdir=sys.argv[1],
    realm="CORP.EXAMPLE.COM",
    domain="CORP",
    hostname="dc",
    hostip="127.0.0.1",
    adminpass=ADMIN_PASSWORD,
    serverrole="active directory domain controller",
    dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2,
    dns_backend="NONE",
    # Neither rights nor attributes of files are wanted of the system.
    skip_sysvolacl=True,
    useeadb=True,
    lp=LoadParm(),
    batch_mode=True,
)
made.samdb.set_pwdProperties("0")
made.samdb.set_minPwdLength("0")
made.samdb.set_minPwdAge("0")
made.samdb.set_maxPwdAge(NEVER)

"""The ways into a store from other machines: the forced command of ssh, and the CGI for web servers.

They decide who may start which service of git in which repository, and with what environment. The hooks
decide about the content. Start with `shell`.
"""

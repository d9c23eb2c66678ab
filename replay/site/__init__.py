"""A folder of calls as a web site: the viewer's page of every call, and an index page that says where to look first.

    row      what the index tells of one call: numbers, where they are worst, what was said
    folder   the folder on the disk: which files in it are ours, and which pages are still good
    making   the pages of all calls, on as many processors as wanted
    index    the index page: percentiles over all calls, and the calls, worst first

A page takes a second to make and a site has a thousand of them, so a page is made again only when its log or the
program has changed. The index is made of rows, and `folder` keeps those too: no page is ever read back.

The index page is of the viewer's family: its colours, its keys, its way to put scripts and data into one file
(`replay.view.bundle`), and its policy that nothing is asked of any other host.
"""
